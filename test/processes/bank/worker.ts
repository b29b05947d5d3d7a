/** A process that moves amounts between accounts in one folder until it is killed. */
import { Effect, Option, Schedule } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"

const [directory, seed, isolation] = process.argv.slice(2) as [string, string, Transaction.Isolation]

let state = Number(seed)
const dice = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647

const accounts = ["a", "b", "c"]
const pick = () => accounts[Math.floor(dice() * accounts.length)]!

const transfer = Effect.suspend((): Effect.Effect<void, unknown, Caching.Caching> => {
  const [from, to] = [pick(), pick()]
  if (from === to) return Effect.fail("nothing to move")
  const amount = 1 + Math.floor(dice() * 10)
  return Transaction.run(
    Effect.gen(function*() {
      const [a, b] = (yield* Cached.getMany([from, to])).map(Option.getOrThrow) as [number, number]
      yield* Cached.set(from, a - amount)
      yield* Effect.yieldNow
      yield* Cached.set(to, b + amount)
      yield* Cached.counter("moves").increment()
    }),
    { isolation, retry: Schedule.upTo(Schedule.jittered(Schedule.spaced(2)), { times: 50 }) }
  )
})

// Tells each committed transfer.
const moved = Effect.tap(transfer, () => Effect.sync(() => process.stdout.write("moved\n")))
await Effect.runPromise(Effect.forever(Effect.ignore(moved)).pipe(Effect.provide(CacheLayer.disk({ directory }))))
