/**
 * A bank under seeded schedules: whatever order the steps of its transfers, readers, failures and interruptions have,
 * no amount is lost or made, no reader sees half a transfer, and a writer that checks a rule first keeps it.
 *
 * One cache in memory, over a synchronous and over a late storage; and two and three caches over one store, each with a
 * memory of its own that receives the changes of the others late.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schedule } from "effect"
import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SeededScheduler } from "effect-cached/testing"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import { lateShared, lateStore } from "../support/lateStores.ts"

const accounts = ["a", "b", "c"]
const total = 300

const cacheOver = (store: Store.Store) =>
  Layer.provide(CacheLayer.layer({ storeTimeout: "1 hour" }), Layer.succeed(Store.Store, store))

/** The caches of a run: each part of the program uses one of them. */
const kinds: Record<string, () => ReadonlyArray<Layer.Layer<Caching.Caching>>> = {
  "in memory": () => [CacheLayer.memory()],
  "over a synchronous storage": () => [cacheOver(MemoryStore.make())],
  "over a late storage": () => [cacheOver(lateStore())],
  "in two caches over one store": () => {
    const store = MemoryStore.make()
    return [cacheOver(store), cacheOver(store)]
  },
  "in three caches over one late store": () => {
    const store = lateShared()
    return [cacheOver(store), cacheOver(store), cacheOver(store)]
  }
}

const balance = (account: string) =>
  Effect.map(Cached.getOption(account), (found) => Option.getOrElse(found, () => 0) as number)

const patient = { retry: Schedule.upTo(Schedule.spaced(1), { times: 50 }), timeout: "1 hour" } as const

interface Seen {
  readonly commits: number
  readonly sums: ReadonlyArray<number>
  readonly left: ReadonlyArray<number>
  readonly moves: number
  readonly onCall: number
}

const bank = (
  layers: ReadonlyArray<Layer.Layer<Caching.Caching>>,
  seed: number,
  isolation: Transaction.Isolation
) =>
  Effect.gen(function*() {
    const dice = diceFrom(seed)
    const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(dice.nextDoubleUnsafe() * all.length)]!
    const caches = yield* Effect.forEach(layers, (layer) => Layer.build(layer))
    const somewhere = <A, E>(self: Effect.Effect<A, E, Caching.Caching>) => {
      const context = pick(caches)
      return Effect.provideContext(self, context)
    }
    yield* Effect.provideContext(
      Cached.setMany([...accounts.map((account) => [account, 100] as const), ["doctor 1", true], ["doctor 2", true]]),
      caches[0]!
    )
    let commits = 0
    const sums: Array<number> = []
    const transfer = Effect.gen(function*() {
      const [from, to] = [pick(accounts), pick(accounts)]
      const amount = 1 + Math.floor(dice.nextDoubleUnsafe() * 20)
      const fails = dice.nextDoubleUnsafe()
      const isNested = dice.nextDoubleUnsafe() < 0.3
      if (from === to) return
      const take = Effect.flatMap(balance(from), (there) => Cached.set(from, there - amount))
      const body = Effect.gen(function*() {
        // Both at once, so that two transactions that lock them do not wait for each other forever.
        yield* Cached.getMany([from, to])
        yield* isNested ? Transaction.run(take) : take
        yield* Effect.yieldNow
        if (fails < 0.2) return yield* Effect.fail("on purpose")
        // A savepoint's writes vanish with it.
        if (fails < 0.4) yield* Effect.ignore(Transaction.run(Effect.andThen(Cached.set(to, -1), Effect.fail("inner"))))
        if (fails < 0.5) yield* Effect.interrupt
        yield* Cached.set(to, (yield* balance(to)) + amount)
        yield* Cached.counter("moves").increment()
      })
      const exit = yield* Effect.exit(somewhere(Transaction.run(body, { isolation, ...patient })))
      if (Exit.isSuccess(exit)) commits++
      else if (fails >= 0.5) sums.push(NaN)
    })
    const read = Effect.gen(function*() {
      const all = yield* somewhere(
        Transaction.run(Effect.forEach(accounts, (account) => Effect.tap(balance(account), () => Effect.yieldNow)), {
          isolation: "serializable",
          ...patient
        })
      )
      sums.push(all.reduce((a, b) => a + b, 0))
    })
    // Each goes home if the other is there: never both.
    const goHome = (mine: string, other: string) =>
      somewhere(
        Transaction.run(
          Effect.gen(function*() {
            const isOther = yield* cachedRead(other)
            yield* Effect.yieldNow
            if (isOther) yield* Cached.set(mine, false)
          }),
          { isolation: "serializable", ...patient }
        )
      )
    const cachedRead = (key: string) =>
      Effect.succeed(true).pipe(Cached.ttl(key, { ttl: "1 hour" })) as Effect.Effect<boolean, never, Caching.Caching>
    yield* Effect.all([
      ...Array.from({ length: 6 }, () => transfer),
      ...Array.from({ length: 3 }, () => read),
      goHome("doctor 1", "doctor 2"),
      goHome("doctor 2", "doctor 1")
    ], { concurrency: "unbounded" })
    return yield* Effect.provideContext(
      Transaction.run(
        Effect.gen(function*() {
          const left = yield* Effect.forEach(accounts, balance)
          const onCall = (yield* Effect.forEach(["doctor 1", "doctor 2"], Cached.getOption))
            .filter((one) => Option.getOrThrow(one) === true).length
          return { commits, sums, left, onCall, moves: yield* Cached.counter("moves").get } satisfies Seen
        }),
        { isolation: "serializable", ...patient }
      ),
      caches[0]!
    )
  }).pipe(Effect.scoped)

const schedules = Number(process.env["BANK_SCHEDULES"] ?? 30)

for (const [kind, layers] of Object.entries(kinds)) {
  describe(kind, () => {
    it.each(["locked", "serializable"] as const)("%s transactions keep what the bank has", (isolation) => {
      for (let seed = 1; seed <= schedules; seed++) {
        const { exit } = SeededScheduler.make({ seed }).run(bank(layers(), seed, isolation))
        const seen = exit === undefined ? "did not end" : Exit.isSuccess(exit) ? exit.value : String(exit.cause)
        const { commits } = seen as Seen
        expect({ seed, seen }).toMatchObject({ seed, seen: { moves: commits, onCall: 1 } })
        expect([seed, ...(seen as Seen).sums, (seen as Seen).left.reduce((a, b) => a + b, 0)])
          .toEqual([seed, total, total, total, total])
      }
    }, 60_000)
  })
}
