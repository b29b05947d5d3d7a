/** The work loop is fair: to other fibers, to earlier landings, and to readers of what is due. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { jobsOfTurn } from "../../../../src/internal/defaults/bounds.ts"
import { caches, settle, start } from "../../../support/caches.ts"
import { testIn } from "../../../support/tests.ts"

const test = testIn(CacheLayer.memory())

/** How many turns another fiber gets while an effect runs. */
const turnsBeside = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    let turns = 0
    const other = yield* start(Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => turns++))))
    yield* self
    yield* Fiber.interrupt(other)
    return turns
  })

/** `count` loads that end at once, one after another, by a reader that an earlier load has resumed. */
const chain = (count: number) =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const reader = yield* start(Effect.andThen(
      Deferred.await(gate).pipe(Cached.ttl("gate", { ttl: "1 hour" })),
      Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        (i) => Effect.succeed(i).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" })),
        { discard: true }
      )
    ))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(reader)
  })

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("a reader whose loads end at once lets other fibers run", function*() {
    const count = 20 * jobsOfTurn
    expect(yield* turnsBeside(chain(count))).toBeGreaterThanOrEqual(10)
  })

  test("many callers of one load are answered in several turns, and each once", function*() {
    const count = 10 * jobsOfTurn
    const gate = yield* Deferred.make<number>()
    const get = Deferred.await(gate).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const answers: Array<number> = []
    const readers = yield* Effect.forEach(
      Array.from({ length: count }, (_, i) => i),
      (i) => start(Effect.map(get, () => answers.push(i)))
    )
    yield* settle
    const turns = yield* turnsBeside(Effect.andThen(Deferred.succeed(gate, 1), Fiber.joinAll(readers)))
    expect(turns).toBeGreaterThanOrEqual(5)
    expect(answers).toEqual(Array.from({ length: count }, (_, i) => i))
  })

  test("a due read does not wait for the synchronous part of its refresh", function*() {
    let loads = 0
    const get = Effect.sync(() => ++loads).pipe(
      Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute" })
    )
    expect(yield* get).toBe(1)
    yield* TestClock.adjust("2 minutes")
    if (cache.memory) {
      const reader = yield* start(get)
      expect(reader.pollUnsafe()).toMatchObject({ _tag: "Success", value: 1 })
      expect(loads).toBe(1)
    } else expect(yield* get).toBe(1)
    yield* settle
    expect(loads).toBe(2)
  })
})

test("loads that have ended are answered in the order in which they ended", function*() {
  const gates = yield* Effect.forEach(Array.from({ length: 6 }, (_, i) => i), () => Deferred.make<void>())
  const order: Array<number> = []
  const read = (i: number) => Deferred.await(gates[i]!).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }))
  // The answer to the first ends all others, while the loop answers it.
  const first = yield* start(Effect.andThen(
    read(0),
    Effect.forEach(gates.slice(1), (gate) => Deferred.succeed(gate, undefined), { discard: true })
  ))
  const others = yield* Effect.forEach([1, 2, 3, 4, 5], (i) => start(Effect.map(read(i), () => order.push(i))))
  yield* Deferred.succeed(gates[0]!, undefined)
  yield* Fiber.joinAll([first, ...others])
  expect(order).toEqual([1, 2, 3, 4, 5])
})

test("an answer comes before the refreshes that are due", function*() {
  const order: Array<string> = []
  const due = (key: string) =>
    Effect.sync(() => order.push(key)).pipe(
      Cached.refreshAhead(key, { ttl: "1 hour", refreshAfter: "1 minute" })
    )
  const keys = Array.from({ length: 10 }, (_, i) => `due${i}`)
  yield* Effect.forEach(keys, due)
  yield* TestClock.adjust("2 minutes")
  order.length = 0
  const gate = yield* Deferred.make<void>()
  const reader = yield* start(
    Effect.map(Deferred.await(gate).pipe(Cached.ttl("k", { ttl: "1 hour" })), () => order.push("answer"))
  )
  yield* Effect.forEach(keys, due)
  yield* Deferred.succeed(gate, undefined)
  yield* Fiber.join(reader)
  yield* settle
  expect(order[0]).toBe("answer")
  expect(order).toHaveLength(11)
})

test("answers that wait for the next turn come before the refreshes that are due", function*() {
  const order: Array<string> = []
  const due = Effect.sync(() => order.push("refresh")).pipe(
    Cached.refreshAhead("due", { ttl: "1 hour", refreshAfter: "1 minute" })
  )
  yield* due
  yield* TestClock.adjust("2 minutes")
  order.length = 0
  const gate = yield* Deferred.make<void>()
  const get = Effect.map(
    Deferred.await(gate).pipe(Cached.ttl("k", { ttl: "1 hour" })),
    () => order.push("answer")
  )
  const readers = yield* Effect.forEach(Array.from({ length: 2 * jobsOfTurn }), () => start(get))
  yield* due
  yield* Deferred.succeed(gate, undefined)
  yield* Fiber.joinAll(readers)
  yield* settle
  // An answer of one turn may come after a start in the same turn.
  expect(order.indexOf("refresh")).toBeGreaterThan(1.5 * jobsOfTurn)
  expect(order).toHaveLength(2 * jobsOfTurn + 1)
})
