/** A server that is far away: its distance is measured, and its changes are followed. */
import { afterAll, beforeAll, describe, expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { RedisStore } from "effect-cached/redis"
import { isMissing } from "../support/needs.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { freshPrefix, program, type Server, startServer } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"

const connect = "required"

const read = (key: string) => Effect.succeed("loaded").pipe(Cached.ttl(key, { ttl: "1 hour" }))

describe.skipIf(isMissing(program))("Redis", () => {
  let server: Server
  let distant: Proxy
  beforeAll(async () => {
    server = await startServer()
    distant = await startProxy(server.port)
  })
  afterAll(async () => {
    await distant.end()
    await server.end()
  })

  test.live("is measured, and a near one too", function*() {
    const options = { prefix: freshPrefix(), connect } as const
    const near = yield* storeFrom(RedisStore.layer({ url: server.url, ...options }))
    distant.delay(200)
    const far = yield* storeFrom(RedisStore.layer({ url: distant.url, ...options }))
    distant.delay(600)
    yield* Effect.sleep("1 second")
    expect(far.distanceMillis!()).toBeGreaterThanOrEqual(190)
    expect(near.distanceMillis!()).toBeLessThan(190)
  })

  test.live("is short again once an answer is early, however busy the program is", function*() {
    distant.delay(200)
    const store = yield* storeFrom(RedisStore.layer({ url: distant.url, prefix: freshPrefix(), connect }))
    expect(store.distanceMillis!()).toBeGreaterThanOrEqual(190)
    distant.delay(0)
    const busy = Effect.gen(function*() {
      const end = performance.now() + 15
      while (performance.now() < end);
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    })
    yield* Effect.repeat(busy, { until: () => store.distanceMillis!() < 190, times: 1000 })
    expect(store.distanceMillis!()).toBeLessThan(190)
    distant.delay(600)
  })

  test.live("stores what is loaded, and reports what other processes change", function*() {
    const layer = (url: string) =>
      CacheLayer.redis({ url, prefix, connect, storeTimeout: "5 seconds", maxStaleness: "1 hour" })
    const prefix = freshPrefix()
    const near = yield* Layer.build(layer(server.url))
    const far = yield* Layer.build(layer(distant.url))
    const has = (cache: typeof near) => Effect.provideContext(Cached.has("k"), cache)
    const until = (is: Effect.Effect<boolean, unknown, unknown>) =>
      Effect.repeat(Effect.delay(is as Effect.Effect<boolean>, "100 millis"), { until: (is) => is, times: 200 })
    yield* Effect.provideContext(read("k"), far)
    expect(yield* until(has(near))).toBe(true)
    const size = Effect.map(Effect.provideContext(Cached.stats, far), ({ size }) => size)
    // It stays in memory, once changes are followed.
    const stays = Effect.andThen(Effect.provideContext(read("k"), far), Effect.delay(size, "2 seconds"))
    expect(yield* until(Effect.map(stays, (size) => size === 1))).toBe(true)
    yield* Effect.provideContext(Cached.invalidate("k"), near)
    expect(yield* until(Effect.map(size, (size) => size === 0))).toBe(true)
  })
})
