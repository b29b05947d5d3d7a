/**
 * Test laws for a store whose entries outlive the process.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import type { Store } from "../ports/store.ts"
import { law } from "./internal/onTime.ts"
import { type Singly, singly } from "./internal/singly.ts"
import { acquireLease, asking, entry, excused, hardHalf, stores } from "./internal/storeFixtures.ts"
import { type Law, same } from "./law.ts"

/**
 * A storage under test: how to open a store on it, and how to evict the markers of all its tags.
 * @category models
 * @since 0.1.0
 */
export interface LastingStorage<E = never> {
  /** Opens a store on the storage, as a new process would. */
  readonly open: Effect.Effect<Store, E, Scope.Scope>
  /** Evicts the markers of all tags and nothing else. If absent, the laws about evicted markers always pass. */
  readonly evictMarkers?: Effect.Effect<unknown, E> | undefined
}

/**
 * The laws of a store whose entries outlive the process, in addition to `storeLaws`: its behavior after a restart, and
 * after the storage has evicted tag markers. `make` creates a fresh, empty storage. Each law runs `make` once and opens
 * the storage once or twice. A law about an optional operation passes if that operation fails with `Unsupported`.
 *
 * **When to use**
 *
 * Use for a store whose entries survive a restart.
 *
 * **Example** (Checking a storage that lasts)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { type CacheEntry, Store } from "effect-cached/adapters"
 * import { lastingStoreLaws } from "effect-cached/testing"
 *
 * const laws = lastingStoreLaws(Effect.sync(() => {
 *   const entries = new Map<string, CacheEntry.Stored>()
 *   return {
 *     open: Effect.sync(() => Store.makeSync({
 *       name: "map",
 *       capabilities: { lasting: true },
 *       get: (id) => entries.get(id),
 *       set: (id, entry) => void entries.set(id, entry),
 *       remove: (id) => entries.delete(id)
 *     }))
 *   }
 * }))
 * await Effect.runPromise(laws[0]!.run)
 * ```
 *
 * @see `Store.make` for declaring that a storage is `lasting`
 * @see `storeLaws` for the laws of every store
 * @category testing
 * @since 0.1.0
 */
export const lastingStoreLaws = <E, E2>(make: Effect.Effect<LastingStorage<E>, E2, Scope.Scope>): ReadonlyArray<Law> =>
  Object.entries({ ...restartLaws, ...evictionLaws, ...markerLaws })
    .map(([name, check]) => law(name, make, (storage) => check(storage as LastingStorage<any>)))

type Check = (storage: LastingStorage<any>) => Effect.Effect<unknown, unknown, Scope.Scope>

const opened = ({ open }: LastingStorage<any>) => Effect.map(open, singly)

const inProcess = <A>(
  storage: LastingStorage<any>,
  use: (store: Singly) => Effect.Effect<A, unknown>
): Effect.Effect<A, unknown> => Effect.scoped(Effect.flatMap(opened(storage), use))

const versionOf = (store: Singly, tag: string) => Effect.map(store.get("none", [tag]), ({ versions }) => versions[0])

const markerOf = (store: Singly, tag: string) => Effect.map(store.markers([tag]), ({ markers }) => markers[0]!.version)

const storeTagged = (store: Singly, id: string, tag: string): Effect.Effect<Stored, unknown> =>
  Effect.gen(function*() {
    const tagged = entry(1, { tags: [{ tag, version: yield* markerOf(store, tag) }] })
    yield* store.set(id, tagged)
    return tagged
  })

/** Whether `set` with `IfPresent` finds the entry. An entry counts as absent after a hard invalidation of its tag. */
const isPresent = (store: Singly, id: string) => store.set(id, entry(9), { _tag: "IfPresent" })

const restartLaws: Record<string, Check> = {
  "an entry and the versions of its tags survive a restart": Effect.fnUntraced(function*(storage) {
    const tagged = yield* inProcess(storage, (store) => storeTagged(store, "id", "tag"))
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        yield* stores(store, "id", tagged, "the entry")
        yield* same(yield* versionOf(store, "tag"), tagged.meta.tags[0]!.version, "the version of its tag")
        yield* same(yield* markerOf(store, "tag"), tagged.meta.tags[0]!.version, "no other marker is made")
        yield* same(yield* isPresent(store, "id"), true, "it counts as present")
      })
    )
  }),

  "hard and soft invalidations survive a restart": Effect.fnUntraced(function*(storage) {
    const [hard, soft] = yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        const stored = [yield* storeTagged(store, "hard", "hard"), yield* storeTagged(store, "soft", "soft")]
        yield* store.invalidateTags(["hard"], "hard")
        yield* store.invalidateTags(["soft"], "soft")
        return stored.map(({ meta }) => meta.tags[0]!.version)
      })
    )
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        const now = [yield* versionOf(store, "hard"), yield* versionOf(store, "soft")]
        yield* same(hardHalf(now[0] ?? "") === hardHalf(hard!), false, "another hard half")
        yield* same(now[1] === soft, false, "another version")
        yield* same(hardHalf(now[1] ?? ""), hardHalf(soft!), "the same hard half")
        yield* same(yield* isPresent(store, "hard"), false, "gone")
        yield* same(yield* isPresent(store, "soft"), true, "stale")
      })
    )
  }),

  "a removal survives a restart": Effect.fnUntraced(function*(storage) {
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        yield* store.set("id", entry(1))
        yield* store.set("another", entry(2))
        yield* store.remove("id")
      })
    )
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        yield* same((yield* store.get("id", [])).entry, undefined, "the removed entry")
        yield* stores(store, "another", entry(2), "another entry")
      })
    )
  }),

  "after `clear` and a restart, only later entries are there": Effect.fnUntraced(function*(storage) {
    const cleared = yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        yield* store.set("id", entry(1))
        const cleared = yield* excused(Effect.as(store.clear, true))
        yield* store.set("later", entry(2))
        return cleared
      })
    )
    if (cleared === undefined) return
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        yield* same((yield* store.get("id", [])).entry, undefined, "the entry from before")
        yield* stores(store, "later", entry(2), "the entry from after")
      })
    )
  }),

  "an invalidation by the next process reaches entries of the one before": Effect.fnUntraced(function*(storage) {
    yield* inProcess(storage, (store) => storeTagged(store, "id", "tag"))
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        yield* store.invalidateTags(["tag"])
        yield* same(yield* isPresent(store, "id"), false, "gone")
      })
    )
  }),

  "an invalidation while a load runs is seen, whatever was known of its tag": Effect.fnUntraced(function*(storage) {
    yield* inProcess(storage, (store) => storeTagged(store, "id", "tag"))
    yield* inProcess(
      storage,
      Effect.fnUntraced(function*(store) {
        const { seq } = yield* store.markers([])
        yield* store.invalidateTags(["tag"])
        const { markers } = yield* store.markers(["tag"])
        yield* same(markers[0]!.seq > seq, true, "a newer marker")
      })
    )
  })
}

const evictionLaws: Record<string, Check> = {
  "an entry whose markers were evicted is gone": Effect.fnUntraced(function*(storage) {
    if (storage.evictMarkers === undefined) return
    const store = yield* opened(storage)
    const tagged = yield* storeTagged(store, "id", "tag")
    yield* storage.evictMarkers
    yield* same(yield* versionOf(store, "tag"), undefined, "no version")
    yield* same(yield* isPresent(store, "id"), false, "it counts as absent")
    const again = yield* markerOf(store, "tag")
    yield* same(
      hardHalf(again) === hardHalf(tagged.meta.tags[0]!.version),
      false,
      "the next marker has another version"
    )
    yield* same(yield* isPresent(store, "id"), false, "it stays absent")
  }),

  "a marker that was evicted while a load ran is a newer one": Effect.fnUntraced(function*(storage) {
    if (storage.evictMarkers === undefined) return
    const store = yield* opened(storage)
    yield* store.markers(["tag"])
    const { seq } = yield* store.markers([])
    yield* store.invalidateTags(["tag"])
    yield* storage.evictMarkers
    const { markers } = yield* store.markers(["tag"])
    yield* same(markers[0]!.seq > seq, true, "newer than the load")
  }),

  "a soft invalidation of an evicted marker is a hard one": Effect.fnUntraced(function*(storage) {
    if (storage.evictMarkers === undefined) return
    const store = yield* opened(storage)
    const before = yield* markerOf(store, "tag")
    yield* storage.evictMarkers
    yield* store.invalidateTags(["tag"], "soft")
    yield* same(hardHalf(yield* markerOf(store, "tag")) === hardHalf(before), false, "another hard half")
  })
}

const idsOf = (store: Singly, prefix?: string) =>
  Effect.map(Stream.runCollect(store.scan({ prefix })), (all) => Array.from(all, ({ id }) => id).toSorted())

const markerLaws: Record<string, Check> = {
  "scan and size leave markers out": (storage) =>
    excused(Effect.scoped(Effect.gen(function*() {
      const store = yield* opened(storage)
      for (const id of ["a", "b"]) yield* storeTagged(store, id, `tag of ${id}`)
      yield* store.invalidateTags(["a tag without entries"])
      yield* same(yield* idsOf(store), ["a", "b"], "the entries")
      yield* same(yield* idsOf(store, "~"), [], "no id of a marker")
      yield* same(yield* store.size, 2, "two")
    }))),

  "clear removes entries for good, with their markers or before them": (storage) =>
    excused(Effect.scoped(Effect.gen(function*() {
      const store = yield* opened(storage)
      const tagged = yield* storeTagged(store, "id", "tag")
      const generation = yield* acquireLease(store, "other", asking("a"))
      yield* store.clear
      yield* same(yield* store.commit("other", generation, tagged), false, "a load from before is refused")
      yield* stores(store, "id", undefined, "nothing")
      const again = yield* storeTagged(store, "id", "tag")
      yield* stores(store, "id", again, "stored afterwards")
      yield* same(yield* versionOf(store, "tag"), again.meta.tags[0]!.version, "and valid")
    })))
}
