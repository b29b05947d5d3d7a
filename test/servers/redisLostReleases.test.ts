/**
 * Leases and locks over a real server: one whose answer or release was lost is given back when the connection returns,
 * a server that evicts keeps locks, and a lease that never ends is believed for as long as a load may take, once.
 */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Scope } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { RedisGuards, RedisStore } from "effect-cached/redis"
import { TestClock } from "effect/testing"
import * as Keys from "../../src/drivers/redis/protocol/keys.ts"
import { lockSweepMillis } from "../../src/internal/defaults/redis.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { ending } from "../support/ending.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { startProxy } from "../support/proxy.ts"
import { freePorts, freshPrefix, program, startServer } from "../support/redis.ts"
import { lockOf } from "../support/services.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const connect = "required"
/** A machine under load answers late. */
const storeTimeout = "5 seconds"
const lockAt = (url: string, prefix: string) =>
  Effect.retry(lockOf(RedisGuards.layer({ url, prefix, connect })), { times: 5 })

/** No test waits for the end of this lease. */
const leaseMillis = 600_000

describe.skipIf(isMissing(program))("Redis", () => {
  const server = forAll(() => startServer())

  const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => server.ask(...args))

  const proxied = ending(() => startProxy(server.port))

  const acquiring = { leaseMillis, rejectedWriteId: undefined, join: false } as const

  const storesOf = Effect.gen(function*() {
    const proxy = yield* proxied
    const prefix = freshPrefix()
    const far = yield* storeFrom(RedisStore.layer({ url: proxy.url, prefix, connect, storeTimeout }))
    const near = yield* storeFrom(RedisStore.layer({ url: server.url, prefix, connect, storeTimeout }))
    const isFree = Effect.map(
      singly(near).acquire("id", { ...acquiring, owner: "near" }),
      ({ _tag }) => _tag === "Granted"
    )
    return { far, isFree, proxy }
  })

  test.live("a lease whose grant is lost with the connection is given back when it returns", function*() {
    const { far, isFree, proxy } = yield* storesOf
    proxy.cutAfter(0)
    expect((yield* Effect.flip(singly(far).acquire("id", { ...acquiring, owner: "far" }))).reason).toBe(
      "Unavailable"
    )
    yield* until("the lease", isFree)
  })

  test.live("a lease that is released without a connection is released when it returns", function*() {
    const { far, isFree, proxy } = yield* storesOf
    yield* singly(far).acquire("id", { ...acquiring, owner: "far" })
    const [closed] = yield* Effect.promise(() => freePorts(1))
    proxy.redirect(closed!)
    expect((yield* Effect.flip(far.release("id", "far"))).reason).toBe("Unavailable")
    yield* Effect.sleep("200 millis")
    expect(yield* isFree).toBe(false)
    proxy.redirect(server.port)
    yield* until("the lease", isFree)
  })

  const locksOf = Effect.gen(function*() {
    const proxy = yield* proxied
    const prefix = freshPrefix()
    const far = yield* lockAt(proxy.url, prefix)
    const near = yield* lockAt(server.url, prefix)
    const options = { lease: leaseMillis, wait: 0 }
    const isFree = Effect.map(Effect.exit(Effect.scoped(near.acquire("door", options))), Exit.isSuccess)
    return { acquire: far.acquire("door", options), isFree, proxy }
  })

  test.live("a lock whose grant is lost with the connection is given back when it returns", function*() {
    const { acquire, isFree, proxy } = yield* locksOf
    proxy.cutAfter(0)
    expect((yield* Effect.flip(Effect.scoped(acquire))).reason).toBe("Unavailable")
    yield* until("the lock", isFree)
  })

  test.live("a lock that is released without a connection is released when it returns", function*() {
    const { acquire, isFree, proxy } = yield* locksOf
    const scope = yield* Scope.make()
    yield* Scope.provide(acquire, scope)
    const [closed] = yield* Effect.promise(() => freePorts(1))
    proxy.redirect(closed!)
    yield* Scope.close(scope, Exit.void)
    expect(yield* isFree).toBe(false)
    proxy.redirect(server.port)
    yield* until("the lock", isFree)
  })

  it.live("the names that transactions have locked leave no key", () => {
    const prefix = freshPrefix()
    return Effect.gen(function*() {
      for (let i = 0; i < 20; i++) {
        yield* Effect.andThen(Cached.set(`a${i}`, i), Cached.set(`b${i}`, i)).pipe(
          Transaction.run({ isolation: "locked" })
        )
      }
      expect(yield* ask("KEYS", `${prefix}:k:*`)).toEqual([])
      expect(yield* ask("KEYS", `${prefix}:i:*`)).toEqual([])
    }).pipe(Effect.provide(CacheLayer.redis({ url: server.url, prefix, storeTimeout: "10 seconds" })))
  })

  test.live.each(["volatile-lru", "volatile-ttl", "volatile-random"])(
    "a server that evicts by %s keeps the locks that are held",
    function*(policy) {
      const own = yield* ending(() => startServer({ args: ["--maxmemory", "3mb", "--maxmemory-policy", policy] }))
      const prefix = freshPrefix()
      const [one, other] = yield* Effect.forEach([1, 2], () => lockAt(own.url, prefix))
      const names = Array.from({ length: 20 }, (_, i) => `door ${i}`)
      const options = { lease: leaseMillis, wait: 0 }
      yield* Effect.forEach(names, (name) => one!.acquire(name, options))
      // The server evicts before each command, and not within a script.
      for (let from = 0; from < 4000; from += 100) {
        const more = `for i = ${from + 1}, ${from + 100} do
            redis.call("SET", "other " .. i, string.rep("x", 2000), "PX", 3600000)
          end`
        yield* Effect.promise(() => own.ask("EVAL", more, "0"))
      }
      const evicted = /evicted_keys:(\d+)/.exec(String(yield* Effect.promise(() => own.ask("INFO", "stats"))))
      expect(Number(evicted![1])).toBeGreaterThan(1000)
      const taken = yield* Effect.forEach(names, (name) => Effect.exit(Effect.scoped(other!.acquire(name, options))))
      expect(taken.filter(Exit.isSuccess)).toHaveLength(0)
    }
  )

  test("a lock whose holder has died leaves no key: a process that uses locks removes it", function*() {
    const prefix = freshPrefix()
    const keys = Keys.make(prefix)
    const lock = yield* lockAt(server.url, prefix)
    yield* lock.acquire("held", { lease: leaseMillis, wait: 0 })
    const died = Array.from({ length: 300 }, (_, i) => keys.lock(`died ${i}`))
    yield* ask("MSET", ...died.flatMap((key) => [key, "1 1000 1000 dead"]))
    yield* TestClock.adjust(lockSweepMillis)
    for (let i = 0; i < 200 && Number(yield* ask("EXISTS", ...died)) > 0; i++) {
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
    }
    expect(yield* ask("EXISTS", ...died)).toBe(0)
    expect(yield* ask("EXISTS", keys.lock("held"))).toBe(1)
  })

  it.live("a lease that never ends is believed for as long as one load may take", () => {
    const prefix = freshPrefix()
    const build = Layer.build(CacheLayer.redis({
      url: server.url,
      prefix,
      connect,
      memory: false,
      storeTimeout,
      lease: "300 millis",
      maxLoad: "700 millis"
    }))
    return Effect.gen(function*() {
      const [one, other] = [yield* build, yield* build]
      let loads = 0
      const read = Effect.sync(() => ++loads).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* Effect.provide(Cached.has("k"), one)
      const key = Keys.make(prefix).of("l", String(yield* ask("GET", Keys.make(prefix).era)), "k")
      yield* ask("HSET", key, "g", "dead", "o", "dead", "u", "8000000000000", "m", "8000000000000")
      const reads = [one, other].map((context) => Effect.provide(read, context))
      const [took, values] = yield* Effect.timed(Effect.all(reads, { concurrency: "unbounded" }))
      // One of those that wait loads, for both.
      expect(values).toEqual([1, 1])
      expect(Duration.toMillis(took)).toBeGreaterThanOrEqual(900)
      expect(Duration.toMillis(took)).toBeLessThan(5000)
      expect(yield* Effect.provide(read, other)).toBe(1)
    }).pipe(Effect.scoped)
  })
})
