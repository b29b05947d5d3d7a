/**
 * A Redis server that stops, dies, loses what it has, or is far away: no caller fails, none waits for longer than the
 * store budget, nothing is logged twice, and the layer closes in time.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import { RedisStore } from "effect-cached/redis"
import { singly } from "../../../src/testing/internal/singly.ts"
import { ending } from "../../support/ending.ts"
import { isMissing } from "../../support/needs.ts"
import { startProxy } from "../../support/proxy.ts"
import { freePorts, freshPrefix, program, type Server, startServer } from "../../support/redis.ts"
import { stored } from "../../support/stored.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { test } from "../../support/tests.ts"

const timeout = 180_000

/** A machine under load is this much later. */
const late = 3000

/** Errors outside of any caller. */
const unhandled: Array<unknown> = []
const note = (error: unknown) => void unhandled.push(error)

interface Load {
  /** How many reads and writes have failed, in any way. */
  readonly failures: Array<unknown>
  /** The longest that a read took, in milliseconds. */
  longest: number
  reads: number
  loads: number
}

/** Reads, writes and invalidates all the time, by some fibers, while something happens. */
const underLoad = <A>(
  during: Effect.Effect<A, unknown, Caching.Caching>
): Effect.Effect<Load & { readonly value: A }, unknown, Caching.Caching> =>
  Effect.gen(function*() {
    const load: Load = { failures: [], longest: 0, reads: 0, loads: 0 }
    const running = { now: true }
    const one = Effect.fnUntraced(function*(fiber: number) {
      for (let i = 0; running.now; i++) {
        const key = `k${(i * 7 + fiber) % 40}`
        const at = performance.now()
        const read = Effect.sync(() => ++load.loads).pipe(
          Cached.ttl(key, { ttl: "1 minute", tags: [`t${i % 5}`] })
        )
        const step = i % 17 === 3
          ? Cached.invalidate(key)
          : i % 29 === 5
          ? Cached.invalidate({ tag: `t${i % 5}` })
          : i % 23 === 7
          ? Cached.set(key, i)
          : read
        const exit = yield* Effect.exit(step as Effect.Effect<unknown, unknown, Caching.Caching>)
        if (Exit.isFailure(exit)) load.failures.push(Cause.squash(exit.cause))
        load.longest = Math.max(load.longest, performance.now() - at)
        load.reads++
        yield* Effect.sleep("2 millis")
      }
    })
    const fibers = yield* Effect.forEach(Array.from({ length: 8 }, (_, i) => i), (i) => Effect.forkChild(one(i)))
    const value = yield* during
    running.now = false
    yield* Effect.forEach(fibers, (fiber) =>
      Effect.sleep("1 milli").pipe(Effect.repeat({ until: () => fiber.pollUnsafe() !== undefined })), {
      concurrency: "unbounded"
    })
    return { ...load, value }
  })

const logged = () => {
  const lines: Array<string> = []
  return {
    lines,
    layer: Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])
  }
}

const stores = (answer: (key: string) => Effect.Effect<number, never, Caching.Caching>, of: { loads: number }) =>
  Effect.gen(function*() {
    // A fresh key is loaded once and then read from the server.
    for (let i = 0; i < 400; i++) {
      const before = of.loads
      yield* Effect.andThen(answer(`fresh ${i}`), answer(`fresh ${i}`))
      if (of.loads === before + 1) return true
      yield* Effect.sleep("50 millis")
    }
    return false
  })

describe.skipIf(isMissing(program))("Redis", { timeout }, () => {
  let server: Server
  beforeAll(async () => {
    process.on("unhandledRejection", note)
    process.on("uncaughtException", note)
    server = await startServer()
  })
  afterAll(async () => {
    process.off("unhandledRejection", note)
    process.off("uncaughtException", note)
    await server.end()
    expect(unhandled).toEqual([])
  })

  const budget = 300

  /** A cache that asks the server with every read, under load while something happens to the server. */
  const attacked = (
    happens: Effect.Effect<unknown>,
    options: { readonly url?: string; readonly incidents?: number } = {}
  ) =>
    Effect.gen(function*() {
      const log = logged()
      const prefix = freshPrefix()
      const layer = CacheLayer.redis({
        url: options.url ?? server.url,
        prefix,
        memory: false,
        storeTimeout: budget,
        lease: "1 second"
      })
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layer, scope).pipe(Effect.provide(log.layer))
      const { failures, longest, reads } = yield* underLoad(
        Effect.andThen(Effect.sleep("300 millis"), Effect.andThen(happens, Effect.sleep("300 millis")))
      ).pipe(Effect.provide(context), Effect.provide(log.layer))
      expect(failures).toEqual([])
      expect(reads).toBeGreaterThan(20)
      expect(longest).toBeLessThan(2 * budget + late)
      const fresh = { loads: 0 }
      const answer = (key: string) => Effect.sync(() => ++fresh.loads).pipe(Cached.ttl(key, { ttl: "1 minute" }))
      expect(yield* stores(answer, fresh).pipe(Effect.provide(context), Effect.provide(log.layer))).toBe(true)
      const closing = performance.now()
      yield* Scope.close(scope, Exit.void)
      expect(performance.now() - closing).toBeLessThan(budget + late)
      const warnings = log.lines.filter((line) => /warn/i.test(line))
      expect(warnings.length, warnings.join("\n")).toBeLessThanOrEqual(options.incidents ?? 3)
    })

  const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => server.ask(...args))
  const sleep = (millis: number) => Effect.sleep(millis)
  const signal = (name: "SIGSTOP" | "SIGCONT" | "SIGKILL") => Effect.sync(() => server.signal(name))

  it.live("thousands of loads at once, and steps longer than the budget, are all stored", () => {
    const read = (key: string) => Effect.succeed(key).pipe(Cached.ttl(key, { ttl: "1 minute" }))
    const together = (name: string, n: number) =>
      Effect.forEach(Array.from({ length: n }, (_, i) => `${name} ${i}`), read, { concurrency: "unbounded" })
    // More than they may wait for by the clock, and on a busy machine less than they may in the time of the program.
    const storeTimeout = 500
    return Effect.gen(function*() {
      yield* together("many", 2000)
      for (let i = 0; i < 3; i++) {
        const reading = yield* Effect.forkChild(together(`step ${i}`, 50))
        // They ask, and then get no answer for longer than they may wait.
        yield* Effect.sleep("1 milli")
        const end = performance.now() + storeTimeout * 1.5
        while (performance.now() < end);
        yield* Fiber.join(reading)
      }
      expect((yield* Cached.stats).storeFailures).toBe(0)
      expect(yield* Cached.size).toBe(2150)
    }).pipe(
      Effect.provide(CacheLayer.redis({ url: server.url, prefix: freshPrefix(), memory: false, storeTimeout }))
    )
  })

  test.live("a server that comes back empty is cleared by the first process that finds it, not by those that come later", function*() {
    const own = yield* ending(() => startServer())
    const proxy = yield* ending(() => startProxy(own.port))
    const [nobody] = yield* Effect.promise(() => freePorts(1))
    const prefix = freshPrefix()
    const cacheAt = (url: string) => {
      const cache = CacheLayer.redis({ url, prefix, memory: false, storeTimeout: "2 seconds" })
      return Effect.map(Layer.build(cache), (context) => {
        let loads = 0
        const read = Effect.sync(() => ({ by: url, load: ++loads })).pipe(Cached.ttl("id", { ttl: "1 hour" }))
        return read.pipe(Effect.provide(context))
      })
    }
    const [first, second] = [yield* cacheAt(own.url), yield* cacheAt(proxy.url)]
    const stored = yield* first
    expect(yield* second).toEqual(stored)
    yield* Effect.promise(async () => {
      own.signal("SIGKILL")
      await own.ended()
      proxy.redirect(nobody!)
      await own.restart()
    })
    let [before, now] = [stored, yield* first]
    for (let i = 0; i < 400 && (now.load === stored.load || now.load !== before.load); i++) {
      yield* Effect.sleep("50 millis")
      before = now
      now = yield* first
    }
    expect(now.load).toBeGreaterThan(stored.load)
    proxy.redirect(own.port)
    // Without the server each read of the second is another load.
    let [one, other] = [yield* second, yield* second]
    for (let i = 0; i < 400 && one.load !== other.load; i++) {
      yield* Effect.sleep("50 millis")
      one = other
      other = yield* second
    }
    expect(other).toEqual(now)
    expect(yield* first).toEqual(now)
  })

  it.live("F24 · a server that is stopped: no caller hangs, and it is used again when it resumes", () =>
    attacked(Effect.gen(function*() {
      yield* signal("SIGSTOP")
      yield* sleep(3000)
      yield* signal("SIGCONT")
    })))

  it.live("a server that is killed and started again, empty", () =>
    attacked(Effect.gen(function*() {
      yield* signal("SIGKILL")
      yield* Effect.promise(() => server.ended())
      yield* sleep(1000)
      yield* Effect.promise(() => server.restart())
    })))

  it.live("CLIENT PAUSE, SCRIPT FLUSH, FLUSHALL and CLIENT KILL", () =>
    attacked(
      Effect.gen(function*() {
        yield* ask("CLIENT", "PAUSE", "800")
        yield* sleep(1200)
        for (let i = 0; i < 5; i++) {
          yield* ask("SCRIPT", "FLUSH")
          yield* sleep(50)
          yield* ask("FLUSHALL")
          yield* sleep(50)
          yield* ask("CLIENT", "KILL", "TYPE", "normal")
          yield* sleep(100)
        }
      }),
      { incidents: 8 }
    ))

  it.live("a server that is full, and throws away what it likes", () =>
    attacked(Effect.gen(function*() {
      yield* ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
      yield* ask("CONFIG", "SET", "maxmemory", "1")
      yield* sleep(700)
      yield* ask("CONFIG", "SET", "maxmemory", "0")
    })))

  it.live("F28 · a server that is full: invalidations are carried out, writes are not", () =>
    Effect.gen(function*() {
      const store = yield* storeFrom(RedisStore.layer({ url: server.url, prefix: freshPrefix(), connect: "required" }))
      const entry = stored(new Uint8Array(10), { createdAt: 1, writeId: "ab".repeat(16) })
      yield* singly(store).set("id", entry)
      const { markers: [before] } = yield* store.markers(["tag"])
      yield* ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
      yield* ask("CONFIG", "SET", "maxmemory", "1")
      expect((yield* Effect.flip(singly(store).set("other", entry))).reason).toBe("Full")
      expect((yield* store.get("id", [])).entry).toBeDefined()
      expect(yield* singly(store).remove("id")).toBe(true)
      expect(yield* singly(store).remove("missing")).toBe(false)
      yield* store.invalidateTags(["tag", "another"])
      expect((yield* store.get("id", ["tag"])).versions[0]).not.toBe(before!.version)
      yield* store.clear
      yield* ask("CONFIG", "SET", "maxmemory", "0")
      expect((yield* store.get("id", ["tag"])).entry).toBe(undefined)
    }).pipe(Effect.scoped, Effect.ensuring(ask("CONFIG", "SET", "maxmemory", "0"))))

  it.live("F28 · the cache continues over a full server, and an invalidation is not left undone", () =>
    attacked(
      Effect.gen(function*() {
        yield* ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        yield* ask("CONFIG", "SET", "maxmemory", "1")
        yield* sleep(700)
        yield* ask("CONFIG", "SET", "maxmemory", "0")
      }),
      { incidents: 12 }
    ))

  const throughProxy = (
    happens: (proxy: Awaited<ReturnType<typeof startProxy>>) => Effect.Effect<unknown>,
    incidents?: number
  ) =>
    Effect.acquireUseRelease(
      Effect.promise(() => startProxy(server.port)),
      (proxy) => attacked(happens(proxy), { url: proxy.url, ...incidents === undefined ? {} : { incidents } }),
      (proxy) => Effect.promise(() => proxy.end())
    )

  it.live("connections that are cut in the middle of an answer: no value of half a frame", () =>
    throughProxy((proxy) =>
      Effect.gen(function*() {
        for (let i = 0; i < 40; i++) {
          proxy.cutAfter(1 + i * 13)
          yield* sleep(60)
        }
      }), 60))

  it.live("answers that come too late open the circuit, and are used for nothing", () =>
    throughProxy((proxy) =>
      Effect.gen(function*() {
        proxy.delay(2 * budget)
        yield* sleep(2500)
        proxy.delay(0)
      })
    ))

  test.live("answers that come late, and in time, are used", function*() {
    const proxy = yield* ending(() => startProxy(server.port))
    const read = (i: number) =>
      Effect.andThen(sleep(20 * i), Effect.succeed(i).pipe(Cached.ttl(`k${i}`, { ttl: "1 minute" })))
    const all = Effect.forEach(Array.from({ length: 40 }, (_, i) => i), read, { concurrency: "unbounded" })
    yield* Effect.gen(function*() {
      yield* all
      proxy.delay(850)
      yield* all
      expect((yield* Cached.stats).storeFailures).toBe(0)
      proxy.delay(0)
    }).pipe(Effect.provide(
      CacheLayer.redis({ url: proxy.url, prefix: freshPrefix(), memory: false, storeTimeout: "1 second" })
    ))
  })

  test.live("a grant that arrives after its caller has gone is given back: leases and locks keep no process waiting", function*() {
    const proxy = yield* ending(() => startProxy(server.port))
    const prefix = freshPrefix()
    const processAt = (url: string) => Layer.build(CacheLayer.redis({ url, prefix, memory: false }))
    const [far, near] = [yield* processAt(proxy.url), yield* processAt(server.url)]
    const read = Cached.ttl(Effect.succeed("loaded"), "k", { ttl: "1 minute" })
    const locked = Effect.scoped(
      Effect.flatMap(Lock.Lock, (lock) => lock.acquire("door", { lease: "1 minute", wait: "20 seconds" }))
    )
    yield* Effect.provide(Cached.has("k"), far)
    // In time for one step, and not for two.
    proxy.delay(300)
    yield* Effect.provide(read, far)
    // For none.
    proxy.delay(700)
    const refused = yield* Effect.exit(Effect.provide(locked, far))
    expect(JSON.stringify(refused)).toContain("Unavailable")
    const [took] = yield* Effect.timed(Effect.provide(Effect.andThen(read, locked), near))
    expect(Duration.toMillis(took)).toBeLessThan(late)
    proxy.delay(0)
  })

  it.live("a black hole: the connection is thrown away, and another one is made", () =>
    throughProxy((proxy) =>
      Effect.gen(function*() {
        proxy.swallow(true)
        yield* sleep(2500)
        proxy.swallow(false)
        for (let i = 0; i < 100 && proxy.connections() > 3; i++) yield* sleep(50)
        expect(proxy.connections()).toBeLessThanOrEqual(3)
      })
    ))

  test.live("an invalidation that the server did not get is carried out when it is back, before reads trust it", function*() {
    const proxy = yield* ending(() => startProxy(server.port))
    const prefix = freshPrefix()
    let loads = 0
    const answer = Effect.sync(() => ++loads).pipe(Cached.ttl("id", { ttl: "1 hour" }))
    const options = { prefix, memory: false, storeTimeout: budget }
    yield* Effect.gen(function*() {
      expect(yield* answer).toBe(1)
      proxy.swallow(true)
      yield* Cached.invalidate("id")
      expect(yield* answer).toBe(2)
      proxy.swallow(false)
      // Until the replay the old value is there, and this process does not believe it.
      for (let i = 0; i < 50; i++) {
        expect(yield* answer).toBeGreaterThan(1)
        yield* Effect.sleep("100 millis")
      }
    }).pipe(Effect.provide(CacheLayer.redis({ url: proxy.url, ...options })))
    expect(yield* answer.pipe(Effect.provide(CacheLayer.redis({ url: server.url, ...options })))).toBeGreaterThan(1)
  })

  /** Changes something, and lets the server go back to what it had before. */
  const goneBack = (between: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const own = yield* ending(() => startServer())
      const options = { url: own.url, prefix: freshPrefix(), memory: false, storeTimeout: "2 seconds" } as const
      let loads = 0
      const of = (key: string, tag: string) =>
        Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 hour", tags: [tag] }))
      const [one, two, three] = [of("one", "t"), of("two", "of two"), of("three", "of three")]
      return yield* Effect.gen(function*() {
        expect(yield* Effect.all([one, two, three])).toEqual([1, 2, 3])
        yield* Effect.promise(() => own.ask("SAVE"))
        yield* Cached.invalidate("two")
        yield* Cached.invalidate({ tag: "t" })
        yield* between
        yield* Effect.promise(async () => {
          own.signal("SIGKILL")
          await own.ended()
          await own.restart()
        })
        // Until something is stored again, nothing else has been read than what is loaded here.
        for (let isUsed = false; !isUsed; yield* Effect.sleep("50 millis")) {
          for (const value of yield* Effect.all([one, two])) expect(value).toBeGreaterThan(3)
          const before = loads
          yield* one
          isUsed = loads === before
        }
        return yield* three
      }).pipe(Effect.provide(CacheLayer.redis(options)))
    }).pipe(Effect.scoped)

  test.live("a server that has gone back by a moment: what this process has changed stays changed, the rest is there", function*() {
    expect(yield* goneBack(Effect.void)).toBe(3)
  })

  test.live("a server that has gone back by more than is known is cleared", function*() {
    expect(yield* goneBack(Effect.sleep("17 seconds"))).toBeGreaterThan(3)
  })

  test.live("nothing at the start: the layer is built and works from memory, and attaches later", function*() {
    const [port] = yield* Effect.promise(() => freePorts(1))
    const log = logged()
    const of = { loads: 0 }
    const answer = (key: string) => Effect.sync(() => ++of.loads).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    const building = performance.now()
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(
      CacheLayer.redis({ url: `redis://127.0.0.1:${port}`, prefix: freshPrefix() }),
      scope
    )
    expect(performance.now() - building).toBeLessThan(late)
    yield* Effect.gen(function*() {
      for (let i = 0; i < 200; i++) yield* answer("a")
      expect(of.loads).toBe(1)
      const started = yield* Effect.promise(() => startServer({ port: port! }))
      yield* Effect.gen(function*() {
        for (let i = 0; i < 400; i++) {
          if (Number(yield* Effect.promise(() => started.ask("DBSIZE"))) > 2) break
          yield* answer(`k${i}`)
          yield* Effect.sleep("50 millis")
        }
        expect(Number(yield* Effect.promise(() => started.ask("DBSIZE")))).toBeGreaterThan(2)
      }).pipe(Effect.ensuring(Effect.promise(() => started.end())))
    }).pipe(Effect.provide(context), Effect.provide(log.layer))
    expect(log.lines.filter((line) => /warn/i.test(line)).length, log.lines.join("\n")).toBeLessThanOrEqual(2)
    yield* Scope.close(scope, Exit.void)
  })

  test.live("a layer that is closed leaves no connection", function*() {
    const before = Number(/connected_clients:(\d+)/.exec(String(yield* ask("INFO", "clients")))![1])
    for (let i = 0; i < 20; i++) {
      yield* Cached.set("a", i).pipe(Effect.provide(CacheLayer.redis({ url: server.url, prefix: freshPrefix() })))
    }
    yield* Effect.sleep("200 millis")
    const after = Number(/connected_clients:(\d+)/.exec(String(yield* ask("INFO", "clients")))![1])
    expect(after).toBeLessThanOrEqual(before)
  })
})
