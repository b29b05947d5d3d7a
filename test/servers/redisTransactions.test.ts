/** Transactions over a server of Redis and a cluster, between two caches with memories of their own. */
import { describe, expect, it } from "@effect/vitest"
import { type Context, Duration, Effect, Layer, Option, Schedule } from "effect"
import { Cached, type CacheError, CacheLayer, type Caching, Transaction } from "effect-cached"
import { forAll } from "../support/forAll.ts"
import * as Looking from "../support/looking.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startCluster, startServer } from "../support/redis.ts"
import { test } from "../support/tests.ts"

const timeout = 180_000

const value = (key: string) => Effect.map(Cached.getOption(key), Option.getOrUndefined)

const patient = {
  retry: Schedule.upTo(Schedule.jittered(Schedule.spaced(5)), { times: 100 }),
  timeout: "50 seconds"
} as const

const isolations = ["locked", "serializable"] as const

const transfers = (
  caches: ReadonlyArray<Context.Context<Caching.Caching>>,
  accounts: readonly [string, string],
  isolation: Transaction.Isolation
) =>
  Effect.gen(function*() {
    const [a, b] = accounts
    yield* Effect.provideContext(Cached.setMany([[a, 100], [b, 100]]), caches[0]!)
    const transfer = (amount: number) =>
      Transaction.run(
        Effect.gen(function*() {
          const [there, here] = (yield* Cached.getMany([a, b])).map(Option.getOrThrow) as [number, number]
          yield* Effect.yieldNow
          yield* Cached.set(a, there - amount)
          yield* Cached.set(b, here + amount)
        }),
        { isolation, ...patient }
      )
    yield* Effect.forEach(
      Array.from({ length: 16 }, (_, i) => i),
      (i) => Effect.provideContext(transfer(i % 3 === 0 ? -1 : 2), caches[i % 2]!),
      { concurrency: "unbounded" }
    )
    // 6 of one back, 10 of two there
    const left = Transaction.run(Cached.getMany([a, b]), { isolation: "serializable", ...patient })
    expect((yield* Effect.provideContext(left, caches[0]!)).map(Option.getOrThrow)).toEqual([86, 114])
  })

describe.skipIf(isMissing(program))("Redis", { timeout }, () => {
  describe("CA-70 · transactions on a server", () => {
    const server = forAll(() => startServer())

    /** Two caches, as two processes have them. */
    const two = Effect.suspend(() => {
      const layer = () => CacheLayer.redis({ url: server.url, prefix, connect: "required", storeTimeout: "10 seconds" })
      const prefix = freshPrefix()
      return Effect.all([Layer.build(layer()), Layer.build(layer())])
    })

    test.live("everything is committed in one step, and seen by the other process", function*() {
      const [mine, other] = yield* two
      yield* Effect.provideContext(Cached.set("old", 1, { tags: ["t"] }), mine)
      yield* Effect.provideContext(
        Transaction.run(Effect.gen(function*() {
          yield* Cached.set("a", 1, { ttl: "1 hour", tags: ["u"] })
          yield* Cached.setMany(Array.from({ length: 500 }, (_, i) => [`k${i}`, i] as const))
          yield* Cached.invalidate({ tag: "t" })
          yield* Cached.set("new", 1, { tags: ["t"] })
          yield* Cached.counter("n").increment({ by: 7 })
          expect(yield* value("old")).toBe(undefined)
        })),
        mine
      )
      const seen = Effect.all([value("a"), value("k499"), value("old"), value("new"), Cached.counter("n").get])
      expect(yield* Effect.provideContext(seen, other)).toEqual([1, 499, undefined, 1, 7])
    })

    it.live.each(isolations)(
      "%s transfers of two processes at once lose nothing",
      (isolation) => Effect.flatMap(two, (caches) => transfers(caches, ["a", "b"], isolation)).pipe(Effect.scoped)
    )

    test.live("a listing that is to hold, and clear, are refused; so is what is too large", function*() {
      const [mine] = yield* two
      const reasonOf = <A>(self: Effect.Effect<A, { readonly _tag: string }, never>) =>
        Effect.map(Effect.flip(self), (error) => Reflect.get(error, "reason"))
      const inside = <A, E extends { readonly _tag: string }>(
        self: Effect.Effect<A, E, Caching.Caching>,
        isolation: Transaction.Isolation
      ) => Effect.provideContext(Transaction.run(self, { isolation }), mine)
      expect(yield* reasonOf(inside(Cached.size, "serializable"))).toBe("Unsupported")
      expect(yield* reasonOf(inside(Cached.clear, "fast"))).toBe("Unsupported")
      const many = Cached.setMany(Array.from({ length: 5001 }, (_, i) => [`k${i}`, i] as const))
      expect(yield* reasonOf(inside(many, "fast"))).toBe("TooLarge")
      expect(yield* Effect.provideContext(Cached.has("k0"), mine)).toBe(false)
    })
  })

  describe("CA-70 · transactions on a cluster, of keys of one slot", () => {
    const cluster = forAll(() => startCluster())

    const layer = (prefix: string) =>
      CacheLayer.redis({ nodes: cluster.nodes, prefix, connect: "required", storeTimeout: "10 seconds" })
    /** Two caches, as two processes have them. */
    const two = Effect.suspend(() => {
      const prefix = freshPrefix()
      return Effect.all([Layer.build(layer(prefix)), Layer.build(layer(prefix))])
    })

    for (const isolation of ["fast", "locked", "serializable"] as const) {
      test.live(`${isolation}: what begins with the same in braces is committed in one step`, function*() {
        const [mine, other] = yield* two
        const there = Cached.setMany([["{cart:7}:old", 1], ["{cart:7}:touched", 1]], { ttl: "1 minute" })
        yield* Effect.provideContext(there, mine)
        yield* Effect.provideContext(
          Transaction.run(
            Effect.gen(function*() {
              expect(yield* value("{cart:7}:old")).toBe(1)
              yield* Cached.setMany(Array.from({ length: 500 }, (_, i) => [`{cart:7}:${i}`, i] as const))
              yield* Cached.set("{cart:7}:tagged", 1, { tags: ["anywhere"] })
              yield* Cached.set("cart:7", "of the same slot", { ifAbsent: true })
              yield* Cached.remove("{cart:7}:old")
              yield* Cached.touch("{cart:7}:touched", "1 hour")
              yield* Cached.counter("{cart:7}:count").increment({ by: 7 })
            }),
            { isolation }
          ),
          mine
        )
        const seen = Effect.all([
          value("{cart:7}:0"),
          value("{cart:7}:499"),
          value("{cart:7}:tagged"),
          value("cart:7"),
          value("{cart:7}:old"),
          Cached.counter("{cart:7}:count").get
        ])
        expect(yield* Effect.provideContext(seen, other)).toEqual([0, 499, 1, "of the same slot", undefined, 7])
        const left = Effect.map(
          Looking.expiresIn("{cart:7}:touched"),
          (left) => Duration.toMinutes(Option.getOrThrow(left))
        )
        expect(yield* Effect.provideContext(left, other)).toBeGreaterThan(50)
        // The tag is another slot's, and counts.
        yield* Effect.provideContext(Cached.invalidate({ tag: "anywhere" }), mine)
        expect(yield* Effect.provideContext(value("{cart:7}:tagged"), mine)).toBe(undefined)
      })
    }

    it.live.each(isolations)(
      "%s transfers of two processes at once lose nothing",
      (isolation) =>
        Effect.flatMap(two, (caches) => transfers(caches, ["{bank}:a", "{bank}:b"], isolation)).pipe(Effect.scoped)
    )

    test.live("keys of two slots are refused at the commit, and nothing of it happens; so are tags and clear", function*() {
      const [mine, other] = yield* two
      yield* Effect.provideContext(
        Effect.andThen(
          Cached.setMany([["there", 1], ["{there}:2", 1]]),
          Cached.set("{there}:tagged", 1, { tags: ["anywhere"] })
        ),
        mine
      )
      const refusal = (self: Effect.Effect<unknown, CacheError.StoreError, Caching.Caching>) =>
        Effect.forEach(["fast", "locked", "serializable"] as const, (isolation) =>
          Effect.map(
            Effect.flip(Effect.provideContext(Transaction.run(self, { isolation }), mine)),
            (error) => [error._tag, Reflect.get(error, "reason")]
          ))
      const unsupported = Array.from({ length: 3 }, () => ["StoreError", "Unsupported"])
      const write = Cached.set("{there}:2", 2)
      expect(yield* refusal(Effect.andThen(write, Cached.set("a", 1)))).toEqual(unsupported)
      expect(yield* refusal(Effect.andThen(write, Cached.remove("a")))).toEqual(unsupported)
      expect(yield* refusal(Effect.andThen(write, Cached.counter("a").increment()))).toEqual(unsupported)
      expect(yield* refusal(Effect.andThen(write, Cached.set("a", 1, { ifAbsent: true })))).toEqual(unsupported)
      expect(yield* refusal(Effect.andThen(write, Cached.invalidate({ tag: "t" })))).toEqual(unsupported)
      expect(yield* refusal(Effect.andThen(write, Cached.clear))).toEqual(unsupported)
      // The tag of what is checked may be invalidated until the commit.
      expect(yield* refusal(Effect.andThen(write, Cached.set("{there}:tagged", 2, { ifPresent: true }))))
        .toEqual(unsupported)
      const left = Effect.all([value("there"), value("{there}:2"), value("{there}:tagged"), value("a")])
      expect(yield* Effect.provideContext(left, other)).toEqual([1, 1, 1, undefined])
      expect(yield* Effect.provideContext(left, mine)).toEqual([1, 1, 1, undefined])
      expect(yield* Effect.provideContext(Cached.counter("a").get, other)).toBe(0)
      // An entry that a tag has ended is absent, wherever the tag is.
      yield* Effect.provideContext(Cached.invalidate({ tag: "anywhere" }), other)
      yield* Effect.provideContext(Transaction.run(Cached.set("{there}:tagged", 3, { ifAbsent: true })), mine)
      expect(yield* Effect.provideContext(value("{there}:tagged"), other)).toBe(3)
    })

    test.live("a tag of the same slot is looked at together with the entry that is checked", function*() {
      const [mine, other] = yield* two
      yield* Effect.provideContext(Cached.set("{x}:a", 1, { tags: ["{x}:tag"] }), mine)
      let tries = 0
      yield* Effect.provideContext(
        Transaction.run(
          Effect.gen(function*() {
            const read = yield* value("{x}:a")
            if (tries++ === 0) yield* Effect.provideContext(Cached.invalidate({ tag: "{x}:tag" }), other)
            yield* Cached.set("{x}:b", read)
          }),
          patient
        ),
        mine
      )
      expect(tries).toBe(2)
      expect(yield* Effect.provideContext(value("{x}:b"), other)).toBe(undefined)
    })

    test.live("values that cached effects have loaded are stored, in any slot, unless the transaction is not committed", function*() {
      const [mine, other] = yield* two
      // The start of tracking counts as a change of everything, after which no result that was loading is stored.
      const heard = Effect.map(Cached.stats, ({ told }) => told > 0)
      yield* Effect.provideContext(Cached.has("anything"), mine)
      yield* Effect.provideContext(Cached.set("anything", 1), other).pipe(
        Effect.andThen(Effect.provideContext(heard, mine)),
        Effect.repeat({ until: (isHeard) => isHeard, schedule: Schedule.spaced(20) }),
        Effect.timeout("20 seconds")
      )
      let loads = 0
      const load = (key: string) => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      const keys = ["user:1", "user:2", "{cart}:user"]
      const all = Effect.forEach(keys, load)
      yield* Effect.provideContext(Transaction.run(Effect.andThen(all, Cached.set("{cart}:sum", 1))), mine)
      // They are stored by themselves.
      const stored = Effect.forEach(keys, Cached.has).pipe(
        Effect.repeat({ until: (found) => !found.includes(false), schedule: Schedule.spaced(20) }),
        Effect.timeout("20 seconds")
      )
      yield* Effect.provideContext(stored, other)
      expect(yield* Effect.provideContext(all, other)).toEqual([1, 2, 3])
      const failing = Transaction.run(Effect.andThen(load("user:3"), Effect.fail("on purpose")))
      yield* Effect.provideContext(Effect.flip(failing), mine)
      expect(yield* Effect.provideContext(Cached.has("user:3"), other)).toBe(false)
      // A transaction that has written nothing.
      yield* Effect.provideContext(Transaction.run(Effect.forEach(["user:4", "user:5"], load)), mine)
      yield* Effect.provideContext(
        Cached.has("user:5").pipe(
          Effect.repeat({ until: (found) => found, schedule: Schedule.spaced(20) }),
          Effect.timeout("20 seconds")
        ),
        other
      )
    })
  })
})
