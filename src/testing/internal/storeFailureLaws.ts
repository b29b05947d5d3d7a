/** Test laws for failure notes: a process that is granted a lease learns how earlier loads failed. */
import * as Effect from "effect/Effect"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"
import { acquireLease, asking, type Check, entry, excused, failuresOf } from "./storeFixtures.ts"

const note = (...bytes: ReadonlyArray<number>) => Uint8Array.from(bytes)

const fails = (store: Singly, ...bytes: ReadonlyArray<number>) =>
  Effect.andThen(acquireLease(store, "id", asking("a")), store.release("id", "a", note(...bytes)))

const answers = (store: Singly, expected: unknown, message: string, more?: Parameters<typeof asking>[1]) =>
  Effect.flatMap(store.acquire("id", asking("b", more)), (acquired) => same(failuresOf(acquired), expected, message))

const forgottenAfter = (ending: Check): Check => (store) =>
  excused(Effect.gen(function*() {
    yield* fails(store, 1)
    yield* ending(store)
    yield* answers(store, undefined, "forgotten", { rejectedWriteId: entry(1).meta.writeId })
    yield* store.release("id", "b", note(2))
    yield* answers(store, [1, [2]], "it begins again", { rejectedWriteId: entry(1).meta.writeId })
  }))

export const failureLaws: Record<string, Check> = {
  "Granted has the number of failed leaders in a row and the last note": Effect.fnUntraced(function*(store) {
    yield* answers(store, undefined, "no failures")
    yield* same(yield* store.release("id", "b", note(1, 2)), true, "released with a note")
    for (const [i, bytes] of [[], [0, 255], [7], [8]].entries()) {
      yield* answers(store, i === 0 ? [1, [1, 2]] : [1 + i, [[], [0, 255], [7]][i - 1]!], `${1 + i} before it`)
      yield* same(yield* store.release("id", "b", note(...bytes)), true, "released with a note")
    }
    yield* answers(store, [5, [8]], "five before it")
    yield* answers(store, [5, [8]], "and the same again")
    yield* same(failuresOf(yield* store.acquire("other", asking("b"))), undefined, "no failures at another id")
  }),

  "joining answers with the failures, Wait without them": Effect.fnUntraced(function*(store) {
    yield* fails(store, 1)
    yield* answers(store, [1, [1]], "the leader")
    yield* same(failuresOf(yield* store.acquire("id", asking("c", { join: true }))), [1, [1]], "joining")
    yield* same(failuresOf(yield* store.acquire("id", asking("c"))), "Wait", "waiting")
  }),

  "failures are forgotten one second after the last": Effect.fnUntraced(function*(store) {
    yield* fails(store, 1)
    yield* Effect.sleep("600 millis")
    yield* fails(store, 2)
    yield* Effect.sleep("600 millis")
    yield* answers(store, [2, [2]], "the last is younger")
    yield* Effect.sleep("600 millis")
    yield* answers(store, undefined, "forgotten")
    yield* store.release("id", "b", note(3))
    yield* answers(store, [1, [3]], "it begins again")
  }),

  "a failure is kept for its second, however short the lease": Effect.fnUntraced(function*(store) {
    yield* acquireLease(store, "id", asking("a", { leaseMillis: 1 }))
    yield* same(yield* store.release("id", "a", note(1)), true, "released with a note")
    yield* Effect.sleep("500 millis")
    yield* answers(store, [1, [1]], "answered")
  }),

  "only the owner of a lease can release it with a note": Effect.fnUntraced(function*(store) {
    yield* same(yield* store.release("id", "a", note(1)), false, "nothing is held")
    yield* acquireLease(store, "id", asking("a"))
    yield* acquireLease(store, "id", asking("c", { join: true }))
    yield* same(yield* store.release("id", "c", note(1)), false, "joining holds nothing")
    yield* same(yield* store.release("id", "a"), true, "the holder does")
    yield* same(yield* store.release("id", "a", note(1)), false, "and holds nothing afterwards")
    yield* answers(store, undefined, "no failures")
  }),

  "an expired lease is not a failure and forgets none": Effect.fnUntraced(function*(store) {
    yield* fails(store, 1)
    yield* acquireLease(store, "id", asking("a", { leaseMillis: 200 }))
    yield* Effect.sleep("500 millis")
    yield* answers(store, [1, [1]], "the one that gave back")
  }),

  "a release with a note does not end the generation": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* store.release("id", "a", note(1))
    yield* same(yield* acquireLease(store, "id", asking("b")), generation, "the same generation")
    yield* same(yield* store.commit("id", generation, entry(1)), true, "stored")
  }),

  "a failure is forgotten after a release without a note": forgottenAfter((store) =>
    Effect.andThen(acquireLease(store, "id", asking("a")), store.release("id", "a"))
  ),
  "a failure is forgotten after a commit": forgottenAfter((store) =>
    Effect.flatMap(acquireLease(store, "id", asking("a")), (generation) => store.commit("id", generation, entry(1)))
  ),
  "a failure is forgotten after a set": forgottenAfter((store) => store.set("id", entry(1))),
  "a failure is forgotten after a remove": forgottenAfter((store) => store.remove("id")),
  "a failure is forgotten after a clear": forgottenAfter((store) => store.clear),

  "a touch does not forget a failure": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    yield* acquireLease(store, "id", asking("a", { rejectedWriteId: entry(1).meta.writeId }))
    yield* store.release("id", "a", note(1))
    yield* store.touch("id", { softExpiresAt: 5_000_000_000_000, expiresAt: Infinity })
    yield* answers(store, [1, [1]], "answered", { rejectedWriteId: entry(1).meta.writeId })
  }),

  "changing the bytes of a note afterwards does not change the stored note": Effect.fnUntraced(function*(store) {
    const given = note(1, 2)
    yield* acquireLease(store, "id", asking("a"))
    yield* store.release("id", "a", given)
    given.fill(0)
    const acquired = yield* store.acquire("id", asking("b"))
    if (acquired._tag === "Granted") acquired.failures?.note.fill(0)
    yield* answers(store, [1, [1, 2]], "the note as it was given")
  })
}
