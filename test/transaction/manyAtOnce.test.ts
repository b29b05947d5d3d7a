/** Thousands of transactions at once: they begin in turns of the event loop, and each of them ends. */
import { expect } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { settle, start } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const test = testIn(CacheLayer.memory())

test("they begin in several turns of the event loop, and timers run in between", function*() {
  let begun = 0
  const inTurns: Array<number> = []
  let isOver = false
  const watch = () => {
    inTurns.push(begun)
    begun = 0
    if (!isOver) setImmediate(watch)
  }
  watch()
  const set = (i: number) =>
    Transaction.run(Effect.suspend(() => {
      begun++
      return Cached.set(`key:${i}`, i, { ttl: "1 hour" })
    }))
  yield* Effect.forEach(Array.from({ length: 500 }, (_, i) => i), set, { concurrency: "unbounded", discard: true })
  isOver = true
  inTurns.push(begun)
  expect(inTurns.reduce((sum, n) => sum + n)).toBe(500)
  // Those of one turn of the scheduler, which begins anywhere in one of the loop.
  expect(Math.max(...inTurns)).toBeLessThanOrEqual(128)
  expect(yield* Cached.size).toBe(500)
})

test("one that is interrupted before it begins never does, and the others do", function*() {
  const begun: Array<number> = []
  const set = (i: number) =>
    Transaction.run(Effect.suspend(() => {
      begun.push(i)
      return Cached.set(`key:${i}`, i, { ttl: "1 hour" })
    }))
  const fibers = yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => i), (i) => start(set(i)))
  fibers[150]!.interruptUnsafe()
  yield* settle
  expect(fibers.flatMap((fiber, i) => {
    const exit = fiber.pollUnsafe()
    return exit !== undefined && Exit.isSuccess(exit) ? [] : [i]
  })).toEqual([150])
  expect(begun.length).toBe(199)
  expect(begun).not.toContain(150)
})
