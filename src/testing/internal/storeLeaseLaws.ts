/** Test laws for leases and generations: which results are stored, and which are refused as too late. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"
import { acquireLease, asking, type Check, entry, excused, plain, stores, writeId } from "./storeFixtures.ts"

const refusedAfter = (ending: (store: Singly) => Effect.Effect<unknown, StoreError>, left: Stored | undefined): Check =>
  Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* excused(Effect.gen(function*() {
      yield* ending(store)
      yield* same(yield* store.commit("id", generation, entry(1)), false, "refused")
      yield* stores(store, "id", left, "nothing of it is stored")
      const next = yield* acquireLease(store, "id", asking("b", { rejectedWriteId: left?.meta.writeId }))
      yield* same(yield* store.commit("id", next, entry(3)), true, "the next load is stored")
    }))
  })

export const leaseLaws: Record<string, Check> = {
  "a commit under a granted generation is stored": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* same(yield* store.commit("id", generation, entry(1)), true, "stored")
    yield* stores(store, "id", entry(1), "the load's entry")
  }),

  "a commit under an unknown generation is refused": Effect.fnUntraced(function*(store) {
    yield* same(yield* store.commit("id", writeId(7), entry(1)), false, "refused")
    yield* acquireLease(store, "id", asking("a"))
    yield* same(yield* store.commit("id", writeId(7), entry(1)), false, "refused")
    yield* stores(store, "id", undefined, "nothing is stored")
  }),

  "a commit after remove is refused": refusedAfter((store) => store.remove("id"), undefined),
  "a commit after set is refused": refusedAfter((store) => store.set("id", entry(2)), entry(2)),
  "a commit after clear is refused": refusedAfter((store) => store.clear, undefined),

  "a second commit under one generation is refused": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    const joined = yield* acquireLease(store, "id", asking("b", { join: true }))
    yield* same(joined, generation, "joining grants the same generation")
    yield* same(yield* store.commit("id", joined, entry(1)), true, "the first")
    yield* same(yield* store.commit("id", generation, entry(2)), false, "the second")
    yield* stores(store, "id", entry(1), "the first one's")
  }),

  "scanLoads lists the ids of loads that may still be stored, by a prefix": Effect.fnUntraced(function*(store) {
    const lists = (ids: ReadonlyArray<string>, message: string) =>
      Effect.flatMap(
        Stream.runCollect(store.scanLoads({ prefix: "load:" })),
        (all) => same(Array.from(new Set(all)).toSorted(), ids, message)
      )
    yield* lists([], "nothing is loaded")
    // A stored entry, a join and the end of the lease change nothing: the result may still be stored.
    yield* store.set("load:a", entry(1))
    const first = yield* acquireLease(store, "load:a", asking("a", { rejectedWriteId: writeId(1) }))
    const second = yield* acquireLease(store, "load:b*", asking("a"))
    yield* acquireLease(store, "load:b*", asking("b", { join: true }))
    yield* acquireLease(store, "other", asking("a"))
    yield* store.release("load:b*", "a")
    yield* lists(["load:a", "load:b*"], "both are loaded")
    yield* same(yield* store.commit("load:a", first, entry(2)), true, "stored")
    yield* store.remove("load:b*")
    yield* lists([], "both have ended")
    yield* same(yield* store.commit("load:b*", second, entry(1)), false, "refused")
    const many = Array.from({ length: 600 }, (_, i) => `load:${1000 + i}`)
    yield* store.many.acquire(many.map((id) => ({ id, ...asking("a") })))
    yield* lists(many, "all of many")
  }),

  "acquire by another owner answers Wait, with no more than the lease": Effect.fnUntraced(function*(store) {
    yield* acquireLease(store, "id", asking("a"))
    const acquired = yield* store.acquire("id", asking("b"))
    yield* same(acquired._tag, "Wait", "it waits")
    if (acquired._tag === "Wait") {
      yield* same(acquired.leftMillis > 0 && acquired.leftMillis <= 2000, true, "within the lease")
    }
    yield* acquireLease(store, "other", asking("b"))
  }),

  "of many concurrent acquires one is granted": Effect.fnUntraced(function*(store) {
    const acquires = Array.from({ length: 50 }, (_, i) => store.acquire("id", asking(`owner ${i}`)))
    const acquired = yield* Effect.all(acquires, { concurrency: "unbounded" })
    yield* same(acquired.filter(({ _tag }) => _tag === "Granted").length, 1, "one")
  }),

  "an expired lease does not end the generation: the first commit is stored": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* Effect.sleep("3 seconds")
    yield* same(yield* acquireLease(store, "id", asking("b")), generation, "the same generation")
    yield* same(yield* store.renew("id", "a", 2000), false, "the former is no longer the owner")
    yield* same(yield* store.commit("id", generation, entry(1)), true, "its load is stored even so")
  }),

  "acquire answers Hit with an entry that was not rejected": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    const acquired = yield* store.acquire("id", asking("a"))
    yield* same(acquired._tag === "Hit" ? plain(acquired.entry) : acquired, entry(1), "what is stored")
    yield* acquireLease(store, "id", asking("a", { rejectedWriteId: writeId(1) }))
    yield* stores(store, "id", entry(1), "what was seen stays until it is replaced")
  }),

  "only the owner can renew and release a lease": Effect.fnUntraced(function*(store) {
    yield* acquireLease(store, "id", asking("a"))
    yield* Effect.sleep("1 second")
    yield* same(yield* store.renew("id", "b", 9000), false, "another cannot renew")
    yield* same(yield* store.renew("id", "a", 5000), true, "the owner can")
    yield* Effect.sleep("3 seconds")
    yield* same((yield* store.acquire("id", asking("b")))._tag, "Wait", "still exclusive")
    yield* same(yield* store.release("id", "b"), false, "another cannot release")
    yield* same(yield* store.release("id", "a"), true, "the owner can")
    yield* acquireLease(store, "id", asking("b"))
  })
}

export const generationLaws: Record<string, Check> = {
  "joining grants the same generation and leaves the lease with its owner": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* same(yield* acquireLease(store, "id", asking("b", { join: true })), generation, "the same generation")
    yield* same(yield* store.renew("id", "b", 2000), false, "joining does not take the lease")
    yield* same(yield* store.renew("id", "a", 2000), true, "the holder does")
    yield* same((yield* store.acquire("id", asking("c")))._tag, "Wait", "it is exclusive still")
  }),

  "joining an id without a lease acquires the lease": Effect.fnUntraced(function*(store) {
    yield* acquireLease(store, "id", asking("a", { join: true }))
    yield* same((yield* store.acquire("id", asking("b")))._tag, "Wait", "another waits")
  }),

  "acquire by the owner is granted again, under the same generation": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* same(yield* acquireLease(store, "id", asking("a")), generation, "the same generation")
    yield* same(yield* store.commit("id", generation, entry(1)), true, "stored")
  }),

  "a released lease is granted to the next owner under the same generation": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* same(yield* store.release("id", "a"), true, "released")
    yield* same(yield* store.renew("id", "a", 2000), false, "and not renewed")
    yield* same(yield* acquireLease(store, "id", asking("b")), generation, "the next one's generation")
    yield* same(yield* store.commit("id", generation, entry(1)), true, "the first to finish is stored")
    yield* same(yield* store.release("id", "b"), false, "nothing is left to release")
  }),

  "an ended generation does not come back": Effect.fnUntraced(function*(store) {
    const first = yield* acquireLease(store, "id", asking("a"))
    yield* store.commit("id", first, entry(1))
    const second = yield* acquireLease(store, "id", asking("a", { rejectedWriteId: writeId(1) }))
    yield* same(second === first, false, "another generation")
    yield* same(yield* store.commit("id", first, entry(2)), false, "the former is refused")
    yield* same(yield* store.commit("id", second, entry(3)), true, "the present one is not")
  }),

  "acquire answers Hit once the rejected entry was replaced": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    const generation = yield* acquireLease(store, "id", asking("a", { rejectedWriteId: writeId(1) }))
    yield* same(
      (yield* store.acquire("id", asking("b", { rejectedWriteId: writeId(1) })))._tag,
      "Wait",
      "one waits for it"
    )
    yield* store.commit("id", generation, entry(2))
    const acquired = yield* store.acquire("id", asking("b", { rejectedWriteId: writeId(1) }))
    yield* same(acquired._tag === "Hit" ? plain(acquired.entry) : acquired, entry(2), "the new one")
  }),

  "invalidating a tag or writing another id does not end a generation": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* store.invalidateTags(["tag"])
    yield* store.set("other", entry(2))
    yield* store.remove("other")
    yield* same(yield* store.commit("id", generation, entry(1)), true, "stored")
  })
}

const rounds = Array.from({ length: 20 }, (_, round) => round)

const settled = Effect.sleep("3 seconds")

export const raceLaws: Record<string, Check> = {
  "a commit concurrent with remove leaves no entry": Effect.fnUntraced(function*(store) {
    for (const round of rounds) {
      const generation = yield* acquireLease(store, "id", asking(`owner ${round}`))
      const commit = store.commit("id", generation, entry(1))
      yield* Effect.all(round % 2 === 0 ? [commit, store.remove("id")] : [store.remove("id"), commit], {
        concurrency: 2
      })
      yield* stores(store, "id", undefined, "nothing")
    }
  }),

  "a commit concurrent with set leaves the set entry": Effect.fnUntraced(function*(store) {
    for (const round of rounds) {
      const generation = yield* acquireLease(store, "id", asking(`owner ${round}`, { rejectedWriteId: writeId(2) }))
      const commit = store.commit("id", generation, entry(1))
      const set = store.set("id", entry(2))
      yield* Effect.all(round % 2 === 0 ? [commit, set] : [set, commit], { concurrency: 2 })
      yield* stores(store, "id", entry(2), "what was set")
    }
  }),

  "a commit concurrent with clear leaves no entry": (store) =>
    excused(Effect.gen(function*() {
      for (const round of rounds) {
        const generation = yield* acquireLease(store, "id", asking(`owner ${round}`))
        const commit = store.commit("id", generation, entry(1))
        yield* Effect.all(round % 2 === 0 ? [commit, store.clear] : [store.clear, commit], { concurrency: 2 })
        yield* stores(store, "id", undefined, "nothing")
      }
    })),

  "a remove after an interrupted commit leaves no entry": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    const commit = yield* Effect.forkChild(store.commit("id", generation, entry(1)), { startImmediately: true })
    yield* Fiber.interrupt(commit)
    yield* store.remove("id")
    yield* stores(store, "id", undefined, "nothing, when the removal has answered")
    yield* settled
    yield* stores(store, "id", undefined, "nothing, later on")
  }),

  "of many sets of one id the last is stored": Effect.fnUntraced(function*(store) {
    const sets = rounds.map((round) => store.set("id", entry(round)))
    yield* Effect.all(sets, { concurrency: "unbounded" })
    yield* stores(store, "id", entry(rounds.length - 1), "the last")
  })
}
