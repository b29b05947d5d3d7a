/** Durations in all their forms, where they are taken, and what is none. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Schema } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { Ttl } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { ChaosStore, withTimePassing } from "effect-cached/testing"
import * as Looking from "./support/looking.ts"
import { processLock } from "./support/services.ts"
import { storeFrom } from "./support/storeFrom.ts"
import { made } from "./support/strategies.ts"

describe("parse", () => {
  it.each(
    [
      ["1d2h3m50s", 93_830_000],
      ["1D2H3M50S", 93_830_000],
      ["1w", 604_800_000],
      ["1.5h", 5_400_000],
      ["250ms", 250],
      ["1m", 60_000],
      ["1m1ms", 60_001],
      ["0s", 0],
      ["0.5s", 500],
      ["10 minutes", 600_000],
      ["1 hour", 3_600_000],
      ["Infinity", Infinity]
    ] as const
  )("%s", (text, millis) => {
    expect(Duration.toMillis(Ttl.parse(text))).toBe(millis)
  })

  it.each([
    "",
    " ",
    "soon",
    "1m10",
    "10x",
    "1h 30m",
    "s",
    "1s1m",
    "1m1m",
    "-5",
    "1e3",
    "NaN",
    "1.h",
    ".5h",
    "1d2h!",
    "10minutes and more",
    "90",
    "0"
  ])("refuses %j: nothing is guessed", (text) => {
    expect(() => Ttl.parse(text)).toThrow(CacheError.CacheConfigError)
  })

  const Part = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))

  it.prop("is the sum of its parts", [Part, Part, Part, Part], ([d, h, m, s]) => {
    expect(Duration.toMillis(Ttl.parse(`${d}d${h}h${m}m${s}s`))).toBe(((d * 24 + h) * 60 + m) * 60_000 + s * 1000)
  })
})

describe("toMillis", () => {
  it.each(
    [
      [{ hour: 1 }, `an object with "hour", which is none of weeks, days, hours, minutes, seconds, milliseconds, `],
      [{ hours: 1, ttl: "1h" }, `an object with "ttl"`],
      [{ hours: "1" }, "an object with a part that is not a number"],
      [{ hours: undefined }, "an empty object"],
      [{}, "an empty object"],
      [new Date(0), "a Date"],
      [Promise.resolve("1h"), "a Promise"],
      [{ minutes: Number.NaN }, "NaN"],
      [[Number.NaN, 1], "NaN"],
      [[], "a value of type object"],
      [null, "null"],
      [true, "a value of type boolean"]
    ] as const
  )("refuses %o, which Effect takes for nothing", (input, given) => {
    expect(() => Ttl.toMillis(input as never, "ttl")).toThrow(`ttl is not a duration: ${given}`)
  })

  it.effect("touch with options in place of a lifetime removes nothing", () =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1)
      expect(Exit.hasDies(yield* Effect.exit(Cached.touch("k", { ttl: "1h" } as never)))).toBe(true)
      expect(yield* Cached.has("k")).toBe(true)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.each(
    [
      [500, 500],
      [-1, -1],
      [Infinity, Infinity],
      ["10 minutes", 600_000],
      ["10m", 600_000],
      ["1d12h", 129_600_000],
      ["250MS", 250],
      ["Infinity", Infinity],
      [Duration.hours(1), 3_600_000],
      [Duration.infinity, Infinity],
      [{ minutes: 1, seconds: 1 }, 61_000],
      [5_000_000n, 5],
      [[1, 500_000_000], 1500]
    ] as const
  )("%s", (input, millis) => {
    expect(Ttl.toMillis(input as Ttl.Input)).toBe(millis)
    expect(Ttl.toMillis(input as Ttl.Input)).toBe(millis)
  })

  it.each([NaN, [NaN, 0], { seconds: NaN }, "soon", "10", "-1h", "1h1d", "1h 30m", null, true])(
    "refuses %s, and names what",
    (input) => {
      expect(() => Ttl.toMillis(input as never, "timeout")).toThrow(CacheError.CacheConfigError)
      expect(() => Ttl.toMillis(input as never, "timeout")).toThrow(/^timeout is not a duration/)
    }
  )

  it("says what is missing", () => {
    expect(() => Ttl.toMillis(undefined as never, "timeout")).toThrow(
      /^timeout is missing\. Write it like "10m"/
    )
  })
})

describe("every duration may be compact", () => {
  const load = Effect.succeed(1)
  const key = "k"
  const ttl = "2h"
  const read = (effect: Effect.Effect<unknown, unknown, any>) => effect as Effect.Effect<unknown>
  const places: Record<string, (given: Ttl.Input) => Effect.Effect<unknown, unknown, any>> = {
    ttl: (given) => load.pipe(Cached.ttl(key, { ttl: given })),
    "ttl as a strategy's": (given) => load.pipe(Cached.withStrategy(key, { strategy: { ttl: given } })),
    softTtl: (given) => load.pipe(Cached.softTtl(key, { ttl, softTtl: given })),
    refreshAfter: (given) => load.pipe(Cached.refreshAhead(key, { ttl, refreshAfter: given })),
    idle: (given) => load.pipe(Cached.sliding(key, { ttl, idle: given })),
    retryAfter: (given) => load.pipe(Cached.failover(key, { ttl, retryAfter: given })),
    "retryAfter of a strategy of one's own": (given) =>
      load.pipe(
        Cached.withStrategy(key, { strategy: { ...made({ strategy: "untilInvalidated" }), retryAfter: given } })
      ),
    softTimeout: (given) => load.pipe(Cached.failover(key, { ttl, softTimeout: given })),
    timeout: (given) => load.pipe(Cached.ttl(key, { ttl, timeout: given })),
    memoryTtl: (given) => load.pipe(Cached.ttl(key, { ttl, memoryTtl: given })),
    minLoad: (given) => load.pipe(Cached.ttl(key, { ttl, minLoad: given })),
    "Cached.set": (given) => Cached.set(key, 1, { ttl: given }),
    "Cached.touch": (given) => Cached.touch(key, given),
    "Cached.counter": (given) => Cached.counter("visits").increment({ ttl: given }),
    "Cached.annotate": (given) => Effect.suspend(() => Cached.annotate({ ttl: given })),
    "CachePolicy.storeTimeout": (given) => Effect.suspend(() => load.pipe(CachePolicy.storeTimeout(given))),
    "Lock.acquire, lease": (given) => Effect.scoped(processLock().acquire("name", { lease: given, wait: 0 })),
    "Lock.acquire, wait": (given) => Effect.scoped(processLock().acquire("name", { lease: 1, wait: given })),
    "ChaosStore, late": (given) => Effect.sync(() => ChaosStore.make(MemoryStore.make(), { seed: 1, late: given })),
    "ChaosStore, delay": (given) =>
      Effect.sync(() => ChaosStore.make(MemoryStore.make(), { seed: 1, delay: [0, given] })),
    "withTimePassing": (given) => Effect.suspend(() => withTimePassing(load, { step: given, atMost: given }))
  }
  const options = ["storeTimeout", "lease", "wait", "maxLoad", "maxStaleness", "shutdownTimeout"] as const
  for (const option of options) {
    places[`${option} of layers`] = (given) =>
      Effect.sync(() => CacheLayer.disk({ directory: "never made", [option]: given }))
  }
  places["refresh.timeout of layers"] = (given) => Effect.sync(() => CacheLayer.memory({ refresh: { timeout: given } }))
  places["SqliteStore"] = (given) =>
    Effect.sync(() => storeFrom(SqliteStore.layer({ directory: "never made", storeTimeout: given })))

  for (const [name, place] of Object.entries(places)) {
    const given = (input: Ttl.Input) =>
      Effect.exit(read(Effect.suspend(() => place(input)))).pipe(Effect.provide(CacheLayer.memory()))

    it.effect(`${name}: taken, and refused with a CacheConfigError where it is none`, () =>
      Effect.gen(function*() {
        expect(Exit.isSuccess(yield* given("1h30m"))).toBe(true)
        const refused = yield* given("-1h")
        expect(Exit.isFailure(refused) && Cause.squash(refused.cause)).toBeInstanceOf(CacheError.CacheConfigError)
      }))
  }

  it.effect("and lasts as long as it says", () =>
    Effect.gen(function*() {
      yield* Cached.set(key, 1, { ttl: "1d12h" })
      expect(yield* Looking.expiresIn(key)).toMatchObject({ value: Duration.hours(36) })
    }).pipe(Effect.provide(CacheLayer.memory())))
})
