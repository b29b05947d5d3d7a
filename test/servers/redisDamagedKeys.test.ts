/**
 * Every kind of key that we have on a server, replaced by every other kind of value: no caller waits or fails because
 * of it, and the key is as before after the next load, write or lock. A damaged counter fails with the server's words.
 */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, Guard } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import * as Keys from "../../src/drivers/redis/protocol/keys.ts"
import { ending } from "../support/ending.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { startProxy } from "../support/proxy.ts"
import { freshPrefix, program, type Server, startEither, startServer } from "../support/redis.ts"
import { type Damage, damages, damaging } from "../support/redisDamages.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

/** Longer than the machine takes, and much shorter than a lease. */
const soon = 10_000
const lease = "30 seconds"

class Failing extends CacheKey.Class<Failing>()("Failing", {
  payload: { name: Schema.String },
  success: Schema.Number,
  error: Schema.String
}) {}

describe.skipIf(isMissing(program)).each(["server", "cluster"] as const)("Redis · keys of a %s, damaged", (kind) => {
  const either = forAll(() => startEither(kind))
  const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => either.ask(...args))
  const keysOf = (pattern: string) => Effect.promise(() => either.keysOf(pattern))

  const damage = (key: string, by: Damage, ends: boolean) => ask(...damaging(key, by, ends ? 3_600_000 : 0))

  /** Does something under each damage, in a cache without memory, and in time. */
  const each = <E>(
    run: (given: {
      readonly by: Damage
      readonly name: string
      readonly keys: Keys.Keys
      readonly damage: (key: string) => Effect.Effect<unknown>
    }) => Effect.Effect<unknown, E, any>,
    endings: ReadonlyArray<boolean> = [false]
  ) => {
    const prefix = freshPrefix()
    const keys = Keys.make(prefix)
    return Effect.gen(function*() {
      for (const by of Object.keys(damages) as ReadonlyArray<Damage>) {
        for (const ends of endings) {
          const name = `${by}${ends ? " that ends" : ""}`
          const [took] = yield* Effect.timed(run({ by, name, keys, damage: (key) => damage(key, by, ends) }))
          expect([name, Duration.toMillis(took) < soon]).toEqual([name, true])
        }
      }
    }).pipe(
      Effect.provide(CacheLayer.redis({
        ...either.where,
        // On a machine under load, a server may count as far.
        defaults: { waitForWrite: true },
        prefix,
        connect: "required",
        memory: false,
        lease,
        storeTimeout: "10 seconds"
      })),
      Effect.scoped
    )
  }

  const reading = (id: string, tags: ReadonlyArray<string> = []) => {
    const of = { loads: 0, during: Effect.void as Effect.Effect<unknown> }
    const load = Effect.andThen(Effect.suspend(() => of.during), Effect.sync(() => ++of.loads))
    return { of, read: load.pipe(Cached.ttl(id, { ttl: "1 hour", tags })) }
  }

  const eraOf = (keys: Keys.Keys) => Effect.map(ask("GET", keys.era), String)

  it.live.each(["l", "f", "t", "d"] as const)(
    "%s: the next load is stored",
    (kind) =>
      each(({ damage, keys, name }) =>
        Effect.gen(function*() {
          const { of, read } = reading(`${kind} ${name}`, ["t"])
          const era = yield* Effect.andThen(Cached.has("any"), eraOf(keys))
          const key = keys.of(kind, era, kind === "t" ? "t" : `${kind} ${name}`)
          yield* damage(key)
          yield* read
          const { loads } = of
          yield* read
          expect([name, of.loads]).toEqual([name, loads])
          // The same while it loads: what is stored or not, the next load is.
          yield* Cached.invalidate(`${kind} ${name}`)
          of.during = damage(key)
          yield* read
          of.during = Effect.void
          yield* read
          const { loads: before } = of
          yield* read
          expect([name, of.loads]).toEqual([name, before])
        })
      )
  )

  it.live("f: a load that fails leaves its lease, and the next load is stored", () =>
    each(({ damage, keys, name }) =>
      Effect.gen(function*() {
        const failing = new Failing({ name })
        const key = keys.of("f", yield* Effect.andThen(Cached.has("any"), eraOf(keys)), CacheKey.id(failing))
        let loads = 0
        const read = (load: Effect.Effect<number, string>) =>
          Effect.andThen(load, () => Effect.sync(() => ++loads)).pipe(Cached.ttl(failing, { ttl: "1 hour" }))
        expect(yield* Effect.flip(read(Effect.andThen(damage(key), Effect.fail("no"))))).toBe("no")
        expect([name, yield* read(Effect.succeed(0)), yield* read(Effect.succeed(0))]).toEqual([name, 1, 1])
      })
    ))

  it.live("v: each read loads, nothing waits, and what is there stays until it is removed by hand", () =>
    each(({ damage, keys, name }) =>
      Effect.gen(function*() {
        const { of, read } = reading(`v ${name}`)
        const key = keys.of("v", yield* Effect.andThen(Cached.has("any"), eraOf(keys)), `v ${name}`)
        yield* damage(key)
        expect([name, yield* read, yield* read]).toEqual([name, 1, 2])
        expect(yield* ask("UNLINK", key)).toBe(1)
        expect([name, yield* read, yield* read, of.loads]).toEqual([name, 3, 3, 3])
      })
    ))

  it.live.each(["era", "sequence"] as const)(
    "%s: the next load is stored",
    (key) =>
      each(({ damage, keys, name }) =>
        Effect.gen(function*() {
          const { of, read } = reading(`${key} ${name}`, ["t"])
          yield* damage(keys[key])
          yield* Effect.andThen(read, read)
          const { loads } = of
          expect([name, yield* read, loads < 3]).toEqual([name, loads, true])
        })
      )
  )

  it.live("n: a counter that is none fails with the server's words until it is removed", () =>
    each(({ by, damage, keys, name }) =>
      Effect.gen(function*() {
        const counter = Cached.counter(`n ${name}`)
        const key = keys.of("n", yield* Effect.andThen(Cached.has("any"), eraOf(keys)), `n ${name}`)
        yield* damage(key)
        if (by === "a number of another range") {
          expect(yield* counter.get).toBe(Number.MAX_SAFE_INTEGER)
          expect((yield* Effect.flip(counter.increment())).reason).toBe("OutOfRange")
        } else {
          const words = /text|note/.test(by)
            ? /value is not an integer or out of range/
            : /WRONGTYPE.*wrong kind of value/
          for (const operation of [counter.get, counter.increment(), counter.touch("1 hour"), counter.expiresIn]) {
            const { message, reason } = yield* Effect.flip(operation as Effect.Effect<unknown, any, any>)
            expect([name, reason, message]).toEqual([name, "Corrupt", expect.stringMatching(words)])
          }
          // The others can still be listed.
          yield* Cached.counter("n whole").increment()
          const listed = yield* Stream.runCollect(Cached.counters("n *"))
          const names = new Set(Array.from(listed, (one) => one.name))
          expect([name, names.has("n whole"), names.has(`n ${name}`)]).toEqual([name, true, false])
        }
        yield* counter.remove
        expect([name, yield* counter.increment(), yield* counter.get]).toEqual([name, 1, 1])
      })
    ))

  it.live("n: what is a number, and no integer as we write it, is not counted on", () =>
    each(({ by, keys, name }) =>
      by !== "a text" ? Effect.void : Effect.gen(function*() {
        const counter = Cached.counter(`m ${name}`)
        const key = keys.of("n", yield* Effect.andThen(Cached.has("any"), eraOf(keys)), `m ${name}`)
        for (const text of ["1e400", "1.5", "0x10", " 7", "1e3", "nan", "inf", "9".repeat(17), "9".repeat(400)]) {
          yield* ask("SET", key, text)
          for (const operation of [counter.get, counter.increment()]) {
            const { message, reason } = yield* Effect.flip(operation as Effect.Effect<unknown, any, any>)
            expect([text, reason, message]).toEqual([text, "Corrupt", expect.stringContaining("is not an integer")])
          }
          expect(yield* ask("GET", key)).toBe(text)
        }
      })
    ))

  it.live.each(["k", "i"] as const)("%s: a lock is held by one at a time, with tokens that grow", (kind) => {
    let last = 0n
    return each(({ damage, keys, name }) =>
      Effect.gen(function*() {
        const lock = yield* Lock.Lock
        const key = kind === "k" ? keys.lock(name) : keys.lockToken(name)
        yield* damage(key)
        const acquire = (wait: number) => lock.acquire(name, { lease, wait })
        yield* Effect.scoped(Effect.gen(function*() {
          const { token } = yield* acquire(0)
          expect([name, yield* lock.isLocked(name)]).toEqual([name, true])
          if (!name.startsWith("a number")) {
            expect([name, token > last]).toEqual([name, true])
            last = token
          }
          const { reason } = yield* Effect.flip(Effect.scoped(acquire(0)))
          expect([name, reason]).toEqual([name, "Timeout"])
        }))
        expect([name, yield* lock.isLocked(name)]).toEqual([name, false])
        // Damaged while it is held: it is released without a failure, and can be taken again.
        yield* Effect.scoped(Effect.andThen(acquire(0), damage(key)))
        yield* Effect.scoped(acquire(1000))
      }), [false, true])
  })

  it.live("g: the state of a guard begins again", () => {
    const onStoreError = "fail"
    const limit = { key: "a", limit: 1000, window: "1 minute", onStoreError } as const
    const guards: ReadonlyArray<
      readonly [string, (self: Effect.Effect<number>) => Effect.Effect<number, any, any>]
    > = [
      ["fixedWindow", Guard.rateLimit(limit)],
      ["slidingLog", Guard.rateLimit({ ...limit, algorithm: "sliding-log" })],
      ["slidingCounter", Guard.rateLimit({ ...limit, algorithm: "sliding-counter" })],
      ["bucket", Guard.rateLimit({ ...limit, algorithm: "token-bucket" })],
      ["circuit", Guard.circuitBreaker({ key: "a", failures: 5, onStoreError })]
    ]
    const filter = Guard.bloom({ key: "a", capacity: 100 })
    return each(({ damage, keys, name }) =>
      Effect.gen(function*() {
        for (const [kind, guard] of guards) {
          yield* Effect.succeed(1).pipe(guard)
          const [key] = yield* keysOf(`${keys.prefix}:g:${kind}:*`)
          yield* damage(key!)
          const exit = yield* Effect.exit(Effect.succeed(1).pipe(guard))
          expect([name, kind, exit._tag]).toEqual([name, kind, "Success"])
        }
        yield* filter.add("one")
        const [bits] = yield* keysOf(`${keys.prefix}:g:filter:*`)
        yield* damage(bits!)
        yield* filter.mayHave("one")
        yield* filter.add("two")
        expect([name, yield* filter.mayHave("two")]).toEqual([name, true])
        yield* filter.clear
      })
    )
  })
})

describe.skipIf(isMissing(program))("Redis · the time of a server, damaged", () => {
  test.live("r: a store continues on the server that takes over", function*() {
    const [one, other] = yield* Effect.forEach([1, 2], () => ending(() => startServer()))
    const proxy = yield* ending(() => startProxy(one!.port))
    const prefix = freshPrefix()
    const info = String(yield* Effect.promise(() => one!.ask("INFO", "server")))
    const key = Keys.make(prefix).timeOf(/^run_id:(\w+)/m.exec(info)![1]!)
    yield* Effect.promise(() => other!.ask("RPUSH", key, "oops"))
    yield* Effect.gen(function*() {
      const comesTo = (server: Server) =>
        until("the time", Effect.map(Effect.promise(() => server.ask("TYPE", key)), (type) => type === "string"))
      // A process that has not written the time yet expects none.
      yield* comesTo(one!)
      yield* Cached.set("k", 1)
      proxy.redirect(other!.port)
      yield* comesTo(other!)
    }).pipe(Effect.provide(CacheLayer.redis({ url: proxy.url, prefix, storeTimeout: "2 seconds" })))
  })
})
