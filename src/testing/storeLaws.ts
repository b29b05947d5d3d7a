/**
 * Test laws that every store has to satisfy.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"
import type { Answer, Store } from "../ports/store.ts"
import { law } from "./internal/onTime.ts"
import { type Singly, singly } from "./internal/singly.ts"
import { counterLaws } from "./internal/storeCounterLaws.ts"
import { dependencyLaws } from "./internal/storeDependencyLaws.ts"
import { failureLaws } from "./internal/storeFailureLaws.ts"
import {
  acquireLease,
  asking,
  type Check,
  entry,
  excused,
  meta,
  oddTexts,
  plain,
  read,
  stores,
  version,
  writeId
} from "./internal/storeFixtures.ts"
import { generationLaws, leaseLaws, raceLaws } from "./internal/storeLeaseLaws.ts"
import { manyLaws } from "./internal/storeManyLaws.ts"
import { tagLaws } from "./internal/storeTagLaws.ts"
import { touchLaws } from "./internal/storeTouchLaws.ts"
import { transactLaws } from "./internal/storeTransactLaws.ts"
import { type Law, same } from "./law.ts"

/**
 * The laws of a store. `make` opens a fresh store. Each law runs `make` once, and expects the store to answer within
 * one second on Effect's `Clock`. A law about an optional operation passes if that operation fails with `Unsupported`.
 *
 * **When to use**
 *
 * Use to test any custom store. Stores that are shared by processes, or outlive a process, have additional laws.
 *
 * **Details**
 *
 * Some laws let seconds pass. A law that breaks while operations or the machine were more than 100 ms late is checked
 * again, over another store, ten times at most.
 *
 * **Example** (Checking a store)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MemoryStore } from "effect-cached/memory"
 * import { storeLaws } from "effect-cached/testing"
 *
 * const laws = storeLaws(Effect.sync(() => MemoryStore.make()))
 * await Effect.runPromise(laws[0]!.run)
 * ```
 *
 * @see `sharedStoreLaws` for a store that several processes share
 * @see `lastingStoreLaws` for a store whose entries outlive the process
 * @category testing
 * @since 0.1.0
 */
export const storeLaws = <E>(make: Effect.Effect<Store, E, Scope.Scope>): ReadonlyArray<Law> =>
  Object.entries({
    ...entryLaws,
    ...conditionLaws,
    ...touchLaws,
    ...leaseLaws,
    ...generationLaws,
    ...failureLaws,
    ...raceLaws,
    ...listingLaws,
    ...manyLaws,
    ...tagLaws,
    ...dependencyLaws,
    ...counterLaws,
    ...transactLaws,
    ...changeLaws
  })
    .map(([name, check]) => law(name, make, (store) => check(singly(store))))

const entryLaws: Record<string, Check> = {
  "an id that was never set is a miss": (store) => stores(store, "nothing", undefined, "no entry"),

  "an entry comes back with every field and byte": Effect.fnUntraced(function*(store) {
    const full: Stored = {
      meta: {
        createdAt: 1.25,
        softExpiresAt: Infinity,
        expiresAt: 8_000_000_000_000,
        loadMillis: 4_000_000_000,
        outcome: "failure",
        tags: oddTexts.map((tag, i) => ({ tag, version: version(i) })),
        writeId: "00ff".repeat(8),
        serializer: 255
      },
      payload: Uint8Array.from({ length: 256 }, (_, byte) => byte)
    }
    yield* store.set("full", full)
    yield* stores(store, "full", full, "the entry that was set")
  }),

  "an ETag comes back, an empty one too": Effect.fnUntraced(function*(store) {
    for (const [i, etag] of oddTexts.entries()) {
      const tags = i % 2 === 0 ? [] : [{ tag: "tag", version: version(i) }]
      yield* store.set("id", entry(i, { etag, tags }))
      yield* stores(store, "id", entry(i, { etag, tags }), `odd etag ${i}`)
    }
    yield* store.set("id", entry(1))
    yield* stores(store, "id", entry(1), "no etag")
  }),

  "the mark of a constant lifetime comes back": Effect.fnUntraced(function*(store) {
    const tags = [{ tag: "tag", version: version(1) }]
    for (
      const more of [{}, { etag: "\"1\"", tags }, { outcome: "failure" as const }, { endsWithParts: true as const }]
    ) {
      yield* store.set("id", entry(1, { ...more, isConstant: true }))
      yield* stores(store, "id", entry(1, { ...more, isConstant: true }), "a constant")
      yield* store.set("id", entry(2, more))
      yield* stores(store, "id", entry(2, more), "none")
    }
  }),

  "an empty and a large payload come back": Effect.fnUntraced(function*(store) {
    for (const size of [0, 1_000_000]) {
      const stored = { meta, payload: new Uint8Array(size).fill(7) }
      yield* store.set("sized", stored)
      yield* stores(store, "sized", stored, `${size} bytes`)
    }
  }),

  "unusual ids are kept apart": Effect.fnUntraced(function*(store) {
    for (const [i, id] of oddTexts.entries()) yield* store.set(id, entry(i))
    for (const [i, id] of oddTexts.entries()) yield* stores(store, id, entry(i), `the entry of odd id ${i}`)
    for (const [i, id] of oddTexts.entries()) {
      yield* Effect.flatMap(store.remove(id), (removed) => same(removed, true, `odd id ${i} is removed`))
      yield* stores(store, id, undefined, `odd id ${i} is gone`)
    }
  }),

  "a later set replaces an earlier one": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    yield* same(yield* store.set("id", entry(2)), true, "set")
    yield* stores(store, "id", entry(2), "the later entry")
  }),

  "remove answers whether there was an entry": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    yield* same(yield* store.remove("id"), true, "there was one")
    yield* same(yield* store.remove("id"), false, "there was none")
    yield* stores(store, "id", undefined, "removed")
  }),

  "changing bytes after a write or a read does not change the stored entry": Effect.fnUntraced(function*(store) {
    const given = entry(1)
    yield* store.set("id", given)
    given.payload.fill(0)
    const answered = yield* read(store, "id")
    answered?.payload.fill(0)
    yield* stores(store, "id", entry(1), "the bytes as they were set")
  }),

  "getMany answers in the order of its ids, missing and repeated ones included": Effect.fnUntraced(
    function*(store) {
      yield* store.set("a", entry(1))
      yield* store.set("b", entry(2))
      const answers = yield* store.getMany(["b", "missing", "a", "b"])
      yield* same(answers.map(plain), [entry(2), undefined, entry(1), entry(2)], "in order")
      yield* same(yield* store.getMany([]), [], "nothing asked, nothing answered")
    }
  ),

  "getUnsafe, if there is one, answers like get": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    yield* store.markers(["tag"])
    if (store.getUnsafe === undefined) return
    yield* same(store.getUnsafe("id", ["tag", "none"]), yield* store.get("id", ["tag", "none"]), "the same answer")
    yield* same(store.getUnsafe("none", []).entry, undefined, "a miss")
  }),

  "getCallback, if there is one, answers like get": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    yield* store.markers(["tag"])
    const { getCallback } = store
    if (getCallback === undefined) return
    const ask = (id: string, tags: ReadonlyArray<string>) =>
      Effect.callback<Answer, StoreError>((resume) => getCallback(id, tags, resume))
    yield* same(yield* ask("id", ["tag", "none"]), yield* store.get("id", ["tag", "none"]), "the same answer")
    yield* same((yield* ask("none", [])).entry, undefined, "a miss")
  })
}

const conditionLaws: Record<string, Check> = {
  "a conditional set writes only if its condition holds": Effect.fnUntraced(function*(store) {
    yield* same(yield* store.set("id", entry(1), { _tag: "IfPresent" }), false, "nothing is present")
    yield* same(
      yield* store.set("id", entry(1), { _tag: "IfUnchanged", writeId: writeId(1) }),
      false,
      "nothing is unchanged"
    )
    yield* stores(store, "id", undefined, "nothing was set")
    yield* same(yield* store.set("id", entry(1), { _tag: "IfAbsent" }), true, "it is absent")
    yield* same(yield* store.set("id", entry(2), { _tag: "IfAbsent" }), false, "it is present")
    yield* stores(store, "id", entry(1), "the first")
    yield* same(yield* store.set("id", entry(3), { _tag: "IfUnchanged", writeId: writeId(2) }), false, "it is another")
    yield* same(yield* store.set("id", entry(4), { _tag: "IfUnchanged", writeId: writeId(1) }), true, "it is that one")
    yield* same(yield* store.set("id", entry(5), { _tag: "IfPresent" }), true, "it is present")
    yield* stores(store, "id", entry(5), "the last")
  }),

  "an expired entry counts as absent": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1, { expiresAt: (yield* Clock.currentTimeMillis) + 10 }))
    yield* Effect.sleep("2 seconds")
    yield* same(yield* store.set("id", entry(2), { _tag: "IfPresent" }), false, "not present")
    yield* same(yield* store.set("id", entry(3), { _tag: "IfAbsent" }), true, "absent")
  }),

  "an entry invalidated by a tag counts as absent": Effect.fnUntraced(function*(store) {
    const { markers } = yield* store.markers(["tag"])
    const tagged = entry(1, { tags: [{ tag: "tag", version: markers[0]!.version }] })
    yield* store.set("id", tagged)
    yield* same(yield* store.set("id", tagged, { _tag: "IfPresent" }), true, "valid")
    yield* store.invalidateTags(["tag"])
    yield* same(yield* store.set("id", entry(2), { _tag: "IfPresent" }), false, "not present")
    yield* same(yield* store.set("id", entry(3), { _tag: "IfAbsent" }), true, "absent")
  }),

  "an entry made stale by a tag counts as present": Effect.fnUntraced(function*(store) {
    const { markers } = yield* store.markers(["tag", "other"])
    const tags = ["tag", "other"].map((tag, i) => ({ tag, version: markers[i]!.version }))
    yield* store.set("id", entry(1, { tags }))
    yield* store.invalidateTags(["tag"], "soft")
    yield* same(yield* store.set("id", entry(2), { _tag: "IfAbsent" }), false, "not absent")
    yield* same(yield* store.set("id", entry(3, { tags }), { _tag: "IfPresent" }), true, "present")
    yield* store.invalidateTags(["tag"], "soft")
    yield* store.invalidateTags(["other"], "hard")
    yield* same(yield* store.set("id", entry(4), { _tag: "IfPresent" }), false, "not present")
    yield* same(yield* store.set("id", entry(5), { _tag: "IfAbsent" }), true, "absent")
  }),

  "of many concurrent sets with IfAbsent one succeeds": Effect.fnUntraced(function*(store) {
    const sets = Array.from({ length: 20 }, (_, i) => store.set("id", entry(i), { _tag: "IfAbsent" }))
    const answers = yield* Effect.all(sets, { concurrency: "unbounded" })
    yield* same(answers.filter((done) => done).length, 1, "one")
    yield* stores(store, "id", entry(answers.indexOf(true)), "that one's")
  }),

  "a refused set does not end a generation": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* store.set("id", entry(1), { _tag: "IfPresent" })
    yield* same(yield* store.commit("id", generation, entry(2)), true, "stored")
  })
}

const ids = (store: Singly, prefix?: string) =>
  Effect.map(Stream.runCollect(store.scan({ prefix })), (all) => Array.from(all, ({ id }) => id).toSorted())

const listingLaws: Record<string, Check> = {
  "scan gives every id once, with its metadata": (store) =>
    excused(Effect.gen(function*() {
      for (const [i, id] of oddTexts.entries()) yield* store.set(id, entry(i))
      yield* same(yield* ids(store), oddTexts.toSorted(), "every id")
      const all = yield* Stream.runCollect(store.scan())
      for (const { id, meta } of all) yield* same(meta, entry(oddTexts.indexOf(id)).meta, "its metadata")
    })),

  "scan takes a prefix literally": (store) =>
    excused(Effect.gen(function*() {
      for (const id of ["a*", "a*b", "ab", "A*", "%", "a%"]) yield* store.set(id, entry(1))
      yield* same(yield* ids(store, "a*"), ["a*", "a*b"], "two")
      yield* same(yield* ids(store, "%"), ["%"], "one")
      yield* same(yield* ids(store, "none"), [], "none")
    })),

  "scan gives all of 600 ids": (store) =>
    excused(Effect.gen(function*() {
      const many = Array.from({ length: 600 }, (_, i) => `id ${i}`)
      yield* Effect.forEach(many, (id, i) => store.set(id, entry(i)), { concurrency: "unbounded" })
      yield* same(yield* ids(store), many.toSorted(), "all")
    })),

  "size counts entries": (store) =>
    excused(Effect.gen(function*() {
      yield* same(yield* store.size, 0, "none")
      yield* store.set("a", entry(1))
      yield* store.set("b", entry(1))
      yield* store.set("b", entry(2))
      yield* same(yield* store.size, 2, "two")
      yield* store.remove("a")
      yield* same(yield* store.size, 1, "one")
    })),

  "clear removes every entry, and later sets are stored": (store) =>
    excused(Effect.gen(function*() {
      yield* store.set("a", entry(1))
      yield* store.clear
      yield* stores(store, "a", undefined, "nothing")
      yield* store.set("b", entry(2))
      yield* stores(store, "b", entry(2), "set afterwards")
    }))
}

const changeLaws: Record<string, Check> = {
  "changesUnsafe does not report the store's own changes": Effect.fnUntraced(function*(store) {
    const { changesUnsafe } = store
    yield* same(changesUnsafe === undefined || store.capabilities.changes, true, "it says that it reports changes")
    if (changesUnsafe === undefined) return
    yield* store.set("id", entry(1))
    yield* store.remove("id")
    yield* store.commit("id", yield* acquireLease(store, "id", asking("a")), entry(2))
    yield* store.invalidateTags(["tag"])
    yield* store.clear
    yield* same(changesUnsafe(), [], "nothing by others")
  })
}
