/**
 * Test laws for a store that several processes use at the same time.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Change, Markers, Store } from "../ports/store.ts"
import { law } from "./internal/onTime.ts"
import { type Singly, singly } from "./internal/singly.ts"
import {
  acquireLease,
  asking,
  entry,
  excused,
  failuresOf,
  hardHalf,
  stores,
  writeId
} from "./internal/storeFixtures.ts"
import { type Law, same } from "./law.ts"

/**
 * The laws of a store whose `capabilities.shared` is true, in addition to `storeLaws`. `make` opens two stores on one
 * fresh storage, as two processes would. Each law runs `make` once, and may sleep for seconds on Effect's `Clock`.
 * If `capabilities.changes` is true, each store has to report the other store's changes within one second.
 *
 * **When to use**
 *
 * Use for a store that several processes use at the same time.
 *
 * **Example** (Checking a shared store)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { Store } from "effect-cached/adapters"
 * import { SqliteStore } from "effect-cached/sqlite"
 * import { sharedStoreLaws } from "effect-cached/testing"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const laws = sharedStoreLaws(Effect.gen(function*() {
 *   const directory = mkdtempSync(`${tmpdir()}/cache-`)
 *   const open = Effect.suspend(() => Layer.build(SqliteStore.layer({ directory })))
 *   return [Context.get(yield* open, Store.Store), Context.get(yield* open, Store.Store)] as const
 * }))
 * await Effect.runPromise(laws[0]!.run)
 * ```
 *
 * @see `storeLaws` for the laws of every store
 * @category testing
 * @since 0.1.0
 */
export const sharedStoreLaws = <E>(make: Effect.Effect<readonly [Store, Store], E, Scope.Scope>): ReadonlyArray<Law> =>
  Object.entries({ ...sharedLaws, ...reportLaws })
    .map(([name, check]) => law(name, make, ([a, b]) => check(singly(a), singly(b))))

type Check = (a: Singly, b: Singly) => Effect.Effect<unknown, unknown, Scope.Scope>

const sharedLaws: Record<string, Check> = {
  "a set, a remove and an invalidation by one process are seen by the other": Effect.fnUntraced(function*(a, b) {
    yield* a.set("id", entry(1))
    yield* stores(b, "id", entry(1), "set by the other")
    const { markers, seq } = yield* a.markers(["tag"])
    yield* same((yield* b.markers(["tag"])).markers, markers, "one marker")
    yield* b.invalidateTags(["tag"])
    yield* same((yield* a.get("id", ["tag"])).versions[0] === markers[0]!.version, false, "invalidated by the other")
    const [newer] = (yield* a.markers(["tag"])).markers
    yield* same(newer!.version !== markers[0]!.version && newer!.seq > seq, true, "a newer marker")
    yield* same(yield* b.remove("id"), true, "there was one")
    yield* stores(a, "id", undefined, "removed by the other")
  }),

  "a marker that is missing for both processes is created once": Effect.fnUntraced(function*(a, b) {
    const tags = Array.from({ length: 20 }, (_, i) => `tag ${i}`)
    const both = [a.markers(tags), b.markers(tags.toReversed())]
    const [ofA, ofB] = yield* Effect.all(both, { concurrency: 2 })
    const versions = (answer: Markers | undefined) => answer?.markers.map(({ version }) => version)
    yield* same(versions(ofB)?.toReversed(), versions(ofA), "one version for both")
  }),

  "soft and hard invalidations by one process are soft and hard for the other": Effect.fnUntraced(
    function*(a, b) {
      const versions = (store: Singly) => Effect.map(store.get("id", ["tag"]), ({ versions }) => versions[0]!)
      const first = (yield* a.markers(["tag"])).markers[0]!.version
      yield* b.invalidateTags(["tag"], "soft")
      const softened = yield* versions(a)
      yield* same(softened, yield* versions(b), "one version")
      yield* same([softened === first, hardHalf(softened)], [false, hardHalf(first)], "softened by the other")
      yield* a.invalidateTags(["tag"], "hard")
      yield* same(hardHalf(yield* versions(b)) === hardHalf(softened), false, "gone by the other")
    }
  ),

  "a concurrent soft invalidation does not undo a hard one": Effect.fnUntraced(function*(a, b) {
    for (let round = 0; round < 20; round++) {
      const { markers } = yield* a.markers(["tag"])
      const both = [a.invalidateTags(["tag"], "hard"), b.invalidateTags(["tag"], "soft")]
      yield* Effect.all(round % 2 === 0 ? both : both.toReversed(), { concurrency: 2 })
      const after = yield* a.markers(["tag"])
      yield* same(hardHalf(after.markers[0]!.version) === hardHalf(markers[0]!.version), false, "gone")
    }
  }),

  "one of two processes is granted the lease": Effect.fnUntraced(function*(a, b) {
    yield* acquireLease(a, "id", asking("a"))
    const acquired = yield* b.acquire("id", asking("b"))
    yield* same(acquired._tag, "Wait", "the other waits")
    if (acquired._tag === "Wait") {
      yield* same(acquired.leftMillis > 0 && acquired.leftMillis <= 2000, true, "within the lease")
    }
    yield* acquireLease(b, "other", asking("b"))
  }),

  "of many concurrent acquires in both processes one is granted": Effect.fnUntraced(function*(a, b) {
    const acquires = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? a : b).acquire("id", asking(`owner ${i}`)))
    const acquired = yield* Effect.all(acquires, { concurrency: "unbounded" })
    yield* same(acquired.filter(({ _tag }) => _tag === "Granted").length, 1, "one")
  }),

  "an expired lease is taken over, and the first commit is stored": Effect.fnUntraced(function*(a, b) {
    const generation = yield* acquireLease(a, "id", asking("a"))
    yield* Effect.sleep("3 seconds")
    yield* same(yield* acquireLease(b, "id", asking("b")), generation, "the same generation")
    yield* same(yield* a.renew("id", "a", 2000), false, "the former no longer holds it")
    yield* same((yield* a.acquire("id", asking("a")))._tag, "Wait", "and would have to wait")
    yield* same(yield* a.commit("id", generation, entry(1)), true, "the first")
    yield* same(yield* b.commit("id", generation, entry(2)), false, "the second")
    yield* stores(b, "id", entry(1), "the first one's")
  }),

  "only the owner can renew and release a lease, in either process": Effect.fnUntraced(function*(a, b) {
    const generation = yield* acquireLease(a, "id", asking("a"))
    yield* same(yield* b.renew("id", "b", 9000), false, "another cannot renew")
    yield* same(yield* b.release("id", "b"), false, "nor release")
    yield* same(yield* a.renew("id", "a", 5000), true, "the owner can")
    yield* Effect.sleep("3 seconds")
    yield* same((yield* b.acquire("id", asking("b")))._tag, "Wait", "still exclusive")
    yield* same(yield* acquireLease(b, "id", asking("b", { join: true })), generation, "one may join")
    yield* same(yield* a.release("id", "a"), true, "released")
    yield* same(yield* acquireLease(b, "id", asking("b")), generation, "free at once")
  }),

  "failures of both processes are counted together": Effect.fnUntraced(function*(a, b) {
    yield* acquireLease(a, "id", asking("a"))
    yield* a.release("id", "a", Uint8Array.of(1))
    yield* same(failuresOf(yield* b.acquire("id", asking("b"))), [1, [1]], "the other's")
    yield* b.release("id", "b", Uint8Array.of(2))
    yield* same(failuresOf(yield* a.acquire("id", asking("a"))), [2, [2]], "both")
    yield* same(
      failuresOf(yield* b.acquire("id", asking("b", { join: true }))),
      [2, [2]],
      "joining answers with them too"
    )
    yield* b.remove("id")
    yield* same(failuresOf(yield* a.acquire("id", asking("a"))), undefined, "forgotten")
  }),

  "a set, remove or clear by one process ends the generation of the other": Effect.fnUntraced(function*(a, b) {
    const endings = [b.remove("id"), b.set("id", entry(2))]
    for (const ending of endings) {
      const generation = yield* acquireLease(a, "id", asking("a"))
      yield* ending
      yield* same(yield* a.commit("id", generation, entry(1)), false, "refused")
    }
    yield* stores(a, "id", entry(2), "what was set")
    const generation = yield* acquireLease(a, "id", asking("a", { rejectedWriteId: writeId(2) }))
    yield* excused(Effect.gen(function*() {
      yield* b.clear
      yield* same(yield* a.commit("id", generation, entry(3)), false, "refused after clear")
    }))
  }),

  "of concurrent sets with IfAbsent in both processes one succeeds": Effect.fnUntraced(function*(a, b) {
    const sets = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).set("id", entry(i), { _tag: "IfAbsent" }))
    const answers = yield* Effect.all(sets, { concurrency: "unbounded" })
    yield* same(answers.filter((done) => done).length, 1, "one")
    yield* stores(a, "id", entry(answers.indexOf(true)), "that one's")
  }),

  "a touch by one process is seen by the other and does not end its generation": Effect.fnUntraced(function*(a, b) {
    yield* a.set("id", entry(1))
    const generation = yield* acquireLease(a, "id", asking("a", { rejectedWriteId: writeId(1) }))
    const deadlines = { softExpiresAt: Infinity, expiresAt: Infinity }
    yield* same(yield* b.touch("id", { writeId: writeId(1), ...deadlines }), true, "touched")
    yield* stores(a, "id", entry(1, deadlines), "the other's deadlines")
    yield* same(yield* a.commit("id", generation, entry(2)), true, "the load is stored")
    yield* same(yield* b.touch("id", { writeId: writeId(1), ...deadlines }), false, "it is another by now")
    yield* stores(b, "id", entry(2), "as it was loaded")
  }),

  "a touch concurrent with remove leaves no entry": Effect.fnUntraced(function*(a, b) {
    for (let round = 0; round < 20; round++) {
      yield* a.set("id", entry(1))
      const touch = a.touch("id", { softExpiresAt: 5_000_000_000_000, expiresAt: 6_000_000_000_000 })
      yield* Effect.all(round % 2 === 0 ? [touch, b.remove("id")] : [b.remove("id"), touch], { concurrency: 2 })
      yield* stores(a, "id", undefined, "nothing")
    }
  }),

  "of many that join with afterMillis at once one is granted, and one more after each further afterMillis": Effect
    .fnUntraced(
      function*(a, b) {
        const after = { leaseMillis: 900_000, join: { afterMillis: 1000 } }
        const generation = yield* acquireLease(a, "id", asking("holder", { leaseMillis: 900_000 }))
        const impatient = (store: Singly, owner: string) => store.acquire("id", asking(owner, after))
        const all = (round: number) =>
          Effect.all(
            Array.from({ length: 6 }, (_, i) => impatient(i % 2 === 0 ? a : b, `owner ${round} ${i}`)),
            { concurrency: "unbounded" }
          )
        for (const round of [1, 2, 3]) {
          const answers = yield* all(round)
          yield* same(answers.filter(({ _tag }) => _tag === "Granted").length, 1, `one in round ${round}`)
          for (const answer of answers) {
            if (answer._tag === "Granted") yield* same(answer.generation, generation, "under the same generation")
            if (answer._tag === "Wait") {
              yield* same(answer.leftMillis > 0 && answer.leftMillis <= 1000, true, "the others wait for what is left")
            }
          }
          yield* same((yield* b.acquire("id", asking("patient")))._tag, "Wait", "the holder holds it still")
          yield* Effect.sleep("1100 millis")
        }
        yield* same(yield* b.renew("id", "holder", 900_000), true, "joining has not taken the lease over")
      }
    ),

  "a take-over clears the record of joins": Effect.fnUntraced(function*(a, b) {
    const after = { leaseMillis: 2000, join: { afterMillis: 900_000 } }
    yield* acquireLease(a, "id", asking("holder"))
    yield* acquireLease(b, "id", asking("beside", after))
    yield* same((yield* a.acquire("id", asking("another", after)))._tag, "Wait", "one has already joined")
    yield* same(yield* a.renew("id", "holder", 2000), true, "renewed")
    yield* same((yield* a.acquire("id", asking("another", after)))._tag, "Wait", "the record stays")
    yield* Effect.sleep("2100 millis")
    yield* acquireLease(b, "id", asking("next"))
    yield* acquireLease(a, "id", asking("another", after))
    yield* same((yield* b.acquire("id", asking("one more", after)))._tag, "Wait", "again one")
  }),

  "concurrent increments of both processes are all counted": (a, b) =>
    excused(Effect.gen(function*() {
      const adding = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? a : b).increment("n", 1))
      yield* Effect.all(adding, { concurrency: "unbounded" })
      yield* same(yield* a.increment("n", 0), 100, "100")
    })),

  "touchCounter and removeCounter by one process are seen by the other": (a, b) =>
    excused(Effect.gen(function*() {
      yield* a.increment("n", 5)
      yield* same(yield* b.touchCounter("n", 9_000_000_000_000), true, "touched by the other")
      yield* same(yield* a.counter("n"), { value: 5, expiresAt: 9_000_000_000_000 }, "with the other's end")
      yield* same(yield* b.removeCounter("n"), true, "removed by the other")
      yield* same(yield* a.increment("n", 1), 1, "it starts again")
    }))
}

/** Runs an action, and returns the changes that a store reports within the next second. */
const reported = (store: Singly, action: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const changes: Array<Change> = []
    const listening = Stream.runForEach(store.changes, (change) => Effect.sync(() => changes.push(change)))
    yield* Effect.forkScoped(listening, { startImmediately: true })
    // The store may have to open a connection before it can report changes.
    yield* Effect.sleep("1 second")
    store.changesUnsafe?.()
    changes.length = 0
    yield* action
    const atOnce = store.changesUnsafe?.()
    yield* Effect.sleep("1 second")
    if (atOnce !== undefined) yield* same(atOnce, changes, "changesUnsafe reports what changes does")
    return changes
  })

type Act = (other: Singly) => Effect.Effect<unknown, unknown>

const reports = (change: Change, act: Act, before: Act = () => Effect.void): Check => (a, b) =>
  excused(Effect.scoped(Effect.gen(function*() {
    if (!a.capabilities.changes) return
    yield* before(b)
    const changes = yield* reported(a, act(b))
    yield* same(changes.filter(({ _tag }) => _tag === change._tag).map(bare), [change], "what the other did, once")
  })))

const bare = (change: Change): Change => change._tag === "Changed" ? { _tag: "Changed", id: change.id } : change

const id = "an id: {} é\u0000\ud83d"

const reportLaws: Record<string, Check> = {
  "changes begins with Coherent": Effect.fnUntraced(function*(a) {
    if (!a.capabilities.changes) return
    const first = yield* Effect.timeoutOption(Stream.runHead(a.changes), "5 seconds")
    yield* same(Option.flatten(first), Option.some<Change>({ _tag: "Coherent" }), "first of all")
  }),

  "a set is reported to the other process": reports({ _tag: "Changed", id }, (other) => other.set(id, entry(1))),
  "a commit is reported to the other process": reports(
    { _tag: "Changed", id },
    (other) =>
      Effect.flatMap(acquireLease(other, id, asking("b")), (generation) => other.commit(id, generation, entry(1)))
  ),
  "a touch is reported to the other process": reports(
    { _tag: "Changed", id },
    (other) => other.touch(id, { softExpiresAt: 1, expiresAt: Infinity }),
    (other) => other.set(id, entry(1))
  ),
  "a remove of a missing entry is reported to the other process": reports(
    { _tag: "Changed", id },
    (other) => other.remove(id)
  ),
  "a hard invalidation of a tag is reported to the other process": reports(
    { _tag: "TagChanged", tag: id },
    (other) => other.invalidateTags([id])
  ),
  "a soft invalidation of a tag is reported to the other process": reports(
    { _tag: "TagChanged", tag: id },
    (other) => other.invalidateTags([id], "soft"),
    (other) => other.markers([id])
  ),
  "a clear is reported to the other process": reports({ _tag: "AllChanged" }, (other) => other.clear),

  "the end of an id's marker is reported to the other process": Effect.fnUntraced(function*(a, b) {
    if (!a.capabilities.changes || !a.capabilities.dependencies) return
    yield* a.markers(["~=a:1"])
    const told = yield* reported(a, b.remove("a:1"))
    const isTold = (change: Change): boolean =>
      change._tag === "Changed" ? change.endsMarkers === true : change._tag === "TagChanged" && change.tag === "~=a:1"
    yield* same(told.some(isTold), true, "reported")
    const again = yield* reported(a, b.remove("a:1"))
    yield* same(again.some((change) => change._tag === "TagChanged"), false, "the marker is already gone")
  }),

  "a refused write is not reported": Effect.fnUntraced(function*(a, b) {
    if (!a.capabilities.changes) return
    yield* b.set("id", entry(1))
    const refused = Effect.all([
      b.set("id", entry(2), { _tag: "IfAbsent" }),
      b.commit("id", writeId(7), entry(2)),
      b.touch("id", { writeId: writeId(7), softExpiresAt: 1, expiresAt: 2 }),
      b.acquire("id", asking("b", { rejectedWriteId: writeId(1) }))
    ])
    yield* same(yield* reported(a, refused), [], "nothing")
  })
}
