/** A machine's clock that is set while its process is connected to a real server. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { RedisStore } from "effect-cached/redis"
import { machineClock } from "../../src/internal/time/monotonic.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, type Server, startServer } from "../support/redis.ts"

const hour = 3_600_000

describe.skipIf(isMissing(program))("Redis · a clock that is set between two heartbeats", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.end())

  /** The machine's clock, set forward by some time. The monotonic clock is not. */
  const clockSetBy = (setBy: { millis: number }): Clock.Clock => {
    const { currentTimeMillisUnsafe } = machineClock
    const now = () => currentTimeMillisUnsafe.call(machineClock) + setBy.millis
    return Object.assign(Object.create(machineClock) as Clock.Clock, {
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now)
    })
  }

  it.live.each<[string, number]>([["forward", hour], ["back", -hour]])(
    "deadlines are right in the server's time: set %s",
    ([, by]) =>
      Effect.gen(function*() {
        const setBy = { millis: 0 }
        const clock = clockSetBy(setBy)
        const prefix = freshPrefix()
        const other = yield* RedisStore.make({ url: server.url, prefix, connect: "required" })
        yield* Effect.gen(function*() {
          yield* Cached.set("a", 1, { ttl: "1 minute" })
          setBy.millis = by
          yield* Cached.set("b", 2, { ttl: "1 minute" })
          expect(yield* Cached.getOption("b")).toEqual(Option.some(2))
          const found = yield* other.getMany(["a", "b"])
          const now = machineClock.currentTimeMillisUnsafe()
          for (const entry of found) expect(Math.abs(entry!.meta.expiresAt - now - 60_000)).toBeLessThan(10_000)
        }).pipe(
          Effect.provide(CacheLayer.redis({ url: server.url, prefix, memory: false, connect: "required" })),
          Effect.provideService(Clock.Clock, clock)
        )
      }).pipe(Effect.scoped)
  )
})
