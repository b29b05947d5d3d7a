/** Test laws for `touch`, which changes an entry's deadlines and nothing else. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { TouchOptions } from "../../ports/store.ts"
import { same } from "../law.ts"
import { acquireLease, asking, type Check, entry, excused, read, stores, writeId } from "./storeFixtures.ts"

const deadlines = { softExpiresAt: 5_000_000_000_000.5, expiresAt: 6_000_000_000_000 }

const races = (other: Check, left: Check): Check =>
  Effect.fnUntraced(function*(store) {
    for (let round = 0; round < 20; round++) {
      yield* store.set("id", entry(1))
      const touch = store.touch("id", deadlines)
      const both = [touch, other(store)]
      yield* Effect.all(round % 2 === 0 ? both : both.toReversed(), { concurrency: 2 })
      yield* left(store)
    }
  })

export const touchLaws: Record<string, Check> = {
  "touch changes only the deadlines of an entry": Effect.fnUntraced(function*(store) {
    const { markers } = yield* store.markers(["tag"])
    const tags = [{ tag: "tag", version: markers[0]!.version }]
    const more = { etag: "\"1\"", tags, outcome: "failure" } as const
    yield* store.set("id", entry(1, more))
    yield* same(yield* store.touch("id", deadlines), true, "touched")
    yield* stores(store, "id", entry(1, { ...more, ...deadlines }), "other deadlines")
    const forever = { softExpiresAt: Infinity, expiresAt: Infinity }
    yield* same(yield* store.touch("id", { writeId: writeId(1), ...forever }), true, "touched, being that one")
    yield* stores(store, "id", entry(1, { ...more, ...forever }), "no deadlines")
  }),

  "a touch without a write is a lifetime by hand, also if a deadline stays": Effect.fnUntraced(function*(store) {
    const { softExpiresAt } = entry(1).meta
    for (const touched of [{ softExpiresAt, expiresAt: deadlines.expiresAt }, deadlines]) {
      yield* store.set("id", entry(1, { isConstant: true }))
      yield* same(yield* store.touch("id", touched), true, "touched by hand")
      yield* stores(store, "id", entry(1, touched), "a lifetime by hand")
    }
  }),

  "a touch of one write never makes a deadline earlier": Effect.fnUntraced(function*(store) {
    const isConstant = true
    yield* store.set("id", entry(1, { ...deadlines, isConstant }))
    const [softExpiresAt, expiresAt] = [deadlines.softExpiresAt - 1, deadlines.expiresAt + 1]
    const read = { writeId: writeId(1), isConstant, softExpiresAt, expiresAt } as const
    yield* same(yield* store.touch("id", read), true, "touched by a read")
    yield* stores(store, "id", entry(1, { ...deadlines, expiresAt, isConstant }), "the later one of each")
    const byHand = { softExpiresAt, expiresAt: deadlines.expiresAt }
    yield* same(yield* store.touch("id", byHand), true, "touched by hand")
    yield* same(yield* store.touch("id", read), false, "its lifetime is no constant")
    yield* stores(store, "id", entry(1, byHand), "a lifetime by hand")
  }),

  "touch refuses an entry that is missing, expired or of another write": Effect.fnUntraced(function*(store) {
    const refuses = (options: TouchOptions, message: string) =>
      Effect.flatMap(store.touch("id", options), (done) => same(done, false, message))
    yield* refuses(deadlines, "nothing is there")
    yield* stores(store, "id", undefined, "nothing was made")
    yield* store.set("id", entry(1, { expiresAt: (yield* Clock.currentTimeMillis) + 2000 }))
    const before = yield* read(store, "id")
    yield* refuses({ writeId: writeId(2), ...deadlines }, "it is of another write")
    yield* same((yield* read(store, "id"))?.meta, before?.meta, "as it was")
    yield* Effect.sleep("3 seconds")
    yield* refuses(deadlines, "it has expired")
    yield* same((yield* read(store, "id"))?.meta.expiresAt === deadlines.expiresAt, false, "it does not come back")
    yield* store.set("id", entry(3))
    yield* store.remove("id")
    yield* refuses(deadlines, "it was removed")
    yield* stores(store, "id", undefined, "removed")
  }),

  "touch can shorten a lifetime": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    const now = yield* Clock.currentTimeMillis
    yield* same(yield* store.touch("id", { softExpiresAt: now, expiresAt: now + 2000 }), true, "touched")
    yield* Effect.sleep("3 seconds")
    yield* same(yield* store.touch("id", deadlines), false, "it has expired")
    yield* same(yield* store.set("id", entry(2), { _tag: "IfPresent" }), false, "it is absent")
  }),

  "touch does not end a generation": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    const generation = yield* acquireLease(store, "id", asking("a", { rejectedWriteId: writeId(1) }))
    yield* same(yield* store.touch("id", deadlines), true, "touched")
    yield* same(
      (yield* store.acquire("id", asking("b", { rejectedWriteId: writeId(1) })))._tag,
      "Wait",
      "it is exclusive still"
    )
    yield* same(yield* store.commit("id", generation, entry(2)), true, "stored")
    yield* stores(store, "id", entry(2), "what was loaded")
  }),

  "a touch concurrent with remove leaves no entry": races(
    (store) => store.remove("id"),
    (store) => stores(store, "id", undefined, "nothing")
  ),

  "a touch concurrent with clear leaves no entry": (store) =>
    excused(races((store) => store.clear, (store) => stores(store, "id", undefined, "nothing"))(store)),

  "a touch of one write concurrent with set leaves the set entry": Effect.fnUntraced(function*(store) {
    for (let round = 0; round < 20; round++) {
      yield* store.set("id", entry(1))
      const both = [store.touch("id", { writeId: writeId(1), ...deadlines }), store.set("id", entry(2))]
      yield* Effect.all(round % 2 === 0 ? both : both.toReversed(), { concurrency: 2 })
      yield* stores(store, "id", entry(2), "what was set, with its own deadlines")
    }
  }),

  "a remove after an interrupted touch leaves no entry": Effect.fnUntraced(function*(store) {
    yield* store.set("id", entry(1))
    const touch = yield* Effect.forkChild(store.touch("id", deadlines), { startImmediately: true })
    yield* Fiber.interrupt(touch)
    yield* store.remove("id")
    yield* Effect.sleep("3 seconds")
    yield* stores(store, "id", undefined, "nothing, also later on")
  })
}
