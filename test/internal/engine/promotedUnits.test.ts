/** While the list of a bulk call is still read, its refreshes and their callers wait for no slot in vain. */
import { afterAll, beforeAll, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { turns } from "../../../src/internal/time/turns.ts"
import { over, payloads, process, sharedStore, User } from "../../support/bulkCalls.ts"
import { settle, start, started } from "../../support/caches.ts"
import { test, testIn } from "../../support/tests.ts"

const usual = { ...turns }
beforeAll(() => void Object.assign(turns, { steps: 1, millis: 0 }))
afterAll(() => void Object.assign(turns, usual))

class Thing extends CacheKey.Class<Thing>()("Thing", { payload: { id: Schema.String }, success: Schema.Int }) {}

const refreshAhead = { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" } as const

testIn(CacheLayer.memory({ refresh: { concurrency: 1 } })).each(
  Array.from({ length: 12 }, (_, yields) => [yields] as const)
)("P4 · however far the list has been read (%i turns)", function*([yields]) {
  let calls = 0
  const many = Cached.many(Thing, (keys) => Effect.sync(() => keys.map(() => Exit.succeed(++calls))), {
    ...refreshAhead
  })
  let isBusy = false
  const busy = Effect.suspend(() => isBusy ? Effect.never : Effect.succeed(0)).pipe(
    Cached.withStrategy("busy", { strategy: refreshAhead })
  )
  const things = ["a", "b", "c"].map((id) => ({ id }))
  yield* busy
  yield* many(things)
  isBusy = true
  yield* TestClock.adjust("2 minutes")
  // Takes the only slot of refreshes.
  yield* busy
  yield* settle
  const reading = yield* start(many(things))
  for (let i = 0; i < yields; i++) yield* Effect.yieldNow
  const reader = yield* started(Effect.succeed(-1).pipe(Cached.ttl(new Thing({ id: "a" }), { ttl: "1 second" })))
  yield* Fiber.join(reading)
  expect(reader.pollUnsafe()).toMatchObject({ _tag: "Success" })
})

test("refreshes of values that the store has at the second look do not wait for each other", function*() {
  let findsNothing = false
  const { layer } = sharedStore(({ getMany }) => ({
    getMany: (ids) => findsNothing ? Effect.succeed(ids.map(() => undefined)) : getMany(ids)
  }))
  const loads: Array<string> = []
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      loads.push(...keys.map(({ id }) => `${id}`))
      return keys.map(({ id }) => Exit.succeed(`${id}`))
    }), refreshAhead)
  const here = yield* process(over(layer, { refresh: { concurrency: 1 } }))
  const there = yield* process(over(layer))
  yield* there(users(payloads(3)))
  loads.length = 0
  yield* TestClock.adjust("2 minutes")
  findsNothing = true
  yield* here(users(payloads(3)))
  yield* settle
  expect(loads.toSorted()).toEqual(["0", "1", "2"])
})
