/** The programs of aiocache's README, its examples and its announcement, with the calls that they are to make. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import * as Looking from "../../support/looking.ts"

const provided = Effect.provide(CacheLayer.memory())

describe("aiocache", () => {
  it.effect("a cache: set, get, a lifetime, delete", () =>
    Effect.gen(function*() {
      yield* Cached.set("key", "value")
      yield* Cached.set("expire_me", "value", { ttl: "10s" })
      expect(yield* Cached.getMany(["key", "expire_me"])).toEqual([Option.some("value"), Option.some("value")])
      expect(yield* Looking.expiresIn("expire_me")).toEqual(Option.some(Duration.seconds(10)))
      expect(yield* Cached.remove(["key", "expire_me"])).toBe(2)
    }).pipe(provided))

  it.effect("the decorator: four calls, one of them not cached", () =>
    Effect.gen(function*() {
      let calls = 0
      const asyncMain = Cached.fn(
        () => "async_main",
        () => Effect.delay(Effect.sync(() => ({ content: `content ${++calls}`, status: 200 })), "1 second"),
        { ttl: "10s" }
      )
      const main = yield* Effect.forkChild(Effect.all([asyncMain(), asyncMain(), asyncMain(), asyncMain()]))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(main)).toEqual(Array.from({ length: 4 }, () => ({ content: "content 1", status: 200 })))
    }).pipe(provided))

  it.effect("multi_cached: what is missing is asked for, and what comes beside it is stored", () =>
    Effect.gen(function*() {
      class Value
        extends CacheKey.Class<Value>()("Value", { payload: { id: Schema.String }, success: Schema.String })
      {}
      const dict: Record<string, string> = { a: "Z", b: "Y", c: "X", d: "W" }
      const calls: Array<ReadonlyArray<string>> = []
      const multiCachedIds = Cached.many(Value, (keys) =>
        Effect.sync(() => {
          calls.push(keys.map(({ id }) => id))
          // "d" beside whatever was asked for
          return new Map([...keys.map(({ id }) => id), "d"].map((id) => [new Value({ id }), Exit.succeed(dict[id]!)]))
        }), { strategy: "untilInvalidated" })
      const ids = (...ids: ReadonlyArray<string>) => ids.map((id) => ({ id }))
      expect(yield* Effect.all(yield* multiCachedIds(ids("a", "b")))).toEqual(["Z", "Y"])
      expect(yield* Effect.all(yield* multiCachedIds(ids("a", "b", "c")))).toEqual(["Z", "Y", "X"])
      expect(yield* Effect.all(yield* multiCachedIds(ids("d")))).toEqual(["W"])
      expect(calls).toEqual([["a", "b"], ["c"]])
    }).pipe(provided))

  it.effect.each([1, 10, 1000])(
    "AI-25 · Fibonacci(%i): each number is computed once, n + 1 in all",
    (n) =>
      Effect.gen(function*() {
        const fib = Cached.recursive(Fib, ({ n }, self) =>
          n < 2 ? Effect.succeed(BigInt(n)) : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) =>
            a + b), { strategy: "untilInvalidated" })
        const [a] = Array.from({ length: n }).reduce<readonly [bigint, bigint]>(([a, b]) => [b, a + b], [0n, 1n])
        expect(yield* fib({ n })).toBe(a)
        // For 1 the recursion does not get to 0.
        expect((yield* Cached.stats).loads).toBe(n === 1 ? 1 : n + 1)
      }).pipe(provided)
  )
})

class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Int }, success: Schema.BigInt }) {}
