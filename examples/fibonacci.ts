/**
 * A recursive function, cached: `npm start fibonacci`.
 *
 * Watch "loads": the naive recursion would call itself 2 x fib(10,001) - 1 times, a number of 2,091 digits; here each
 * of the 10,001 numbers is computed once, however they are asked for, and nothing overflows.
 */
import { Clock, Console, Effect, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"

class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Int }, success: Schema.BigInt }) {}

const makeFib = (concurrency: number) =>
  Cached.recursive(Fib, ({ n }, self) =>
    n < 2
      ? Effect.succeed(BigInt(n))
      : Effect.map(Effect.all([self({ n: n - 1 }), self({ n: n - 2 })], { concurrency }), ([a, b]) => a + b), {
    strategy: "untilInvalidated"
  })

const run = Effect.fn(function*(name: string, concurrency: number) {
  const fib = makeFib(concurrency)
  const startedAt = yield* Clock.currentTimeMillis
  const digits = `${yield* fib({ n: 10_000 })}`
  const millis = (yield* Clock.currentTimeMillis) - startedAt
  const { loads } = yield* Cached.stats
  yield* Console.log(
    `${name.padEnd(12)}fib(10000) = ${digits.slice(0, 8)}...${digits.slice(-8)}, ${digits.length} digits, ` +
      `${loads} loads, ${millis} ms`
  )
}, Effect.provide(CacheLayer.memory({ capacity: 20_000 })))

await Effect.runPromise(Effect.andThen(run("sequential", 1), run("concurrent", 2)))
