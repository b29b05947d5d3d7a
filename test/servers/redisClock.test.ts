/** A machine's clock that is set while its process is connected to a real server. */
import { describe, expect } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { RedisStore } from "effect-cached/redis"
import { machineClock } from "../../src/internal/time/monotonic.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import { freshPrefix, program, startServer } from "../support/redis.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"

const hour = 3_600_000
const minute = 60_000

describe.skipIf(isMissing(program))("Redis · a clock that is set between two heartbeats", () => {
  const server = forAll(() => startServer())

  /** The machine's clock, set forward by some time. The monotonic clock is not. */
  const clockSetBy = (setBy: { millis: number }): Clock.Clock => {
    const { currentTimeMillisUnsafe } = machineClock
    const now = () => currentTimeMillisUnsafe.call(machineClock) + setBy.millis
    return Object.assign(Object.create(machineClock) as Clock.Clock, {
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now)
    })
  }

  test.live.each<[string, number]>([["forward", hour], ["back", -hour]])(
    "no deadline is too late, and all are right once the server has answered: set %s",
    function*([, by]) {
      const setBy = { millis: 0 }
      const prefix = freshPrefix()
      const other = yield* storeFrom(RedisStore.layer({ url: server.url, prefix, connect: "required" }))
      /** How much later than a minute from now an entry ends that is set now, according to another process. */
      const lateness = Effect.gen(function*() {
        yield* Cached.set("a", 1, { ttl: "1 minute" })
        const [entry] = yield* other.getMany(["a"])
        const now = machineClock.currentTimeMillisUnsafe()
        return entry === undefined ? -Infinity : entry.meta.expiresAt - now - minute
      })
      yield* Effect.gen(function*() {
        expect(Math.abs(yield* lateness)).toBeLessThan(10_000)
        setBy.millis = by
        let late = yield* lateness
        // The first write notices that the clock was set.
        for (let i = 0; i < 100 && Math.abs(late) > 10_000; i++) {
          expect(late).toBeLessThan(1000)
          yield* Effect.sleep("20 millis")
          late = yield* lateness
        }
        expect(Math.abs(late)).toBeLessThan(10_000)
        expect(yield* Cached.getOption("a")).toEqual(Option.some(1))
      }).pipe(
        Effect.provide(CacheLayer.redis({ url: server.url, prefix, memory: false, connect: "required" })),
        Effect.provideService(Clock.Clock, clockSetBy(setBy))
      )
    }
  )

  test.live("soft deadlines of entries in memory do not move when the clock is set back", function*() {
    const setBy = { millis: 0 }
    let loads = 0
    const hard = Effect.sync(() => ++loads).pipe(Cached.ttl("hard", { ttl: "400 millis" }))
    const soft = Effect.sync(() => ++loads).pipe(
      Cached.softTtl("soft", { ttl: "1 minute", softTtl: "400 millis" })
    )
    yield* Effect.gen(function*() {
      yield* Effect.all([hard, soft])
      setBy.millis = -hour
      yield* Effect.sleep("500 millis")
      yield* Effect.all([hard, soft])
      expect(loads).toBe(4)
    }).pipe(
      Effect.provide(CacheLayer.redis({ url: server.url, prefix: freshPrefix(), connect: "required" })),
      Effect.provideService(Clock.Clock, clockSetBy(setBy))
    )
  })
})
