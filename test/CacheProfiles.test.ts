/** `CacheProfiles`: lifetimes of key classes that are set outside the code of their reads. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, RequestResolver, Schema, Stream } from "effect"
import {
  Cached,
  CacheError,
  CacheKey,
  CacheLayer,
  CachePolicy,
  type Caching,
  type Strategy,
  Transaction
} from "effect-cached"
import { Store } from "effect-cached/adapters"
import * as CacheProfiles from "effect-cached/CacheProfiles"
import { Explanation } from "effect-cached/explain"
import { MemoryStore } from "effect-cached/memory"
import { Structured } from "effect-cached/serializers/Structured"
import { TestClock } from "effect/testing"

const fields = { payload: { id: Schema.Int }, success: Schema.Number }
class Weather extends CacheKey.Class<Weather>()("Weather", { ...fields, error: Schema.Literal("down") }) {}
class Page extends CacheKey.Class<Page>()("Page", fields) {}

const classes = [Weather, Page]

type Profiles = CacheProfiles.Options<typeof Weather | typeof Page>["profiles"]

const under = (profiles: Profiles) =>
  Effect.provide(CacheLayer.memory().pipe(CacheProfiles.layer({ classes, profiles })))

const counted = () => {
  const count = { loads: 0 }
  return { count, load: Effect.sync(() => ++count.loads) }
}

const millisLeft = (id: number) =>
  Effect.map(Cached.getEntry(new Weather({ id })), (entry) =>
    Option.isNone(entry) ? undefined : {
      ttl: entry.value.expiresAt - entry.value.createdAt,
      soft: entry.value.softExpiresAt - entry.value.createdAt
    })

const messageOf = (exit: Exit.Exit<unknown, unknown>): string => {
  expect(Exit.isFailure(exit)).toBe(true)
  const error = Cause.squash((exit as Exit.Failure<unknown, unknown>).cause)
  expect(error).toBeInstanceOf(CacheError.CacheConfigError)
  return (error as CacheError.CacheConfigError).message
}

const minute = 60_000
const hour = 60 * minute

describe("a profile replaces the options of every way to read its class", () => {
  const key = new Weather({ id: 1 })
  const load = Effect.succeed(1)
  const strategies = {
    ttl: { ttl: "1 hour" },
    softTtl: { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" },
    refreshAhead: { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" },
    probabilistic: { strategy: "probabilistic", ttl: "1 hour" },
    sliding: { strategy: "sliding", ttl: "1 hour", idle: "1 minute" },
    maxHits: { strategy: "maxHits", ttl: "1 hour", hits: 10 },
    failover: { strategy: "failover", ttl: "1 hour" }
  } as const
  const combinators = {
    ttl: Cached.ttl(load, key, { ttl: "1 hour" }),
    softTtl: Cached.softTtl(load, key, { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" }),
    refreshAhead: Cached.refreshAhead(load, key, { ttl: "1 hour", refreshAfter: "1 minute" }),
    probabilistic: Cached.probabilistic(load, key, { ttl: "1 hour" }),
    sliding: Cached.sliding(load, key, { ttl: "1 hour", idle: "1 minute" }),
    maxHits: Cached.maxHits(load, key, { ttl: "1 hour", hits: 10 }),
    failover: Cached.failover(load, key, { ttl: "1 hour", fallbackOn: "all" })
  }
  const besides = { softTtl: "softTtl", refreshAhead: "refreshAfter", sliding: "idle" } as const
  for (const [name, strategy] of Object.entries(strategies) as Array<[keyof typeof strategies, Strategy.Input]>) {
    const beside = (besides as { readonly [name: string]: keyof CacheProfiles.Profile })[name]
    const expected = beside === undefined
      ? [{ ttl: 20 * minute, soft: 20 * minute }]
      : name === "sliding"
      ? [{ ttl: minute, soft: 20 * minute }, { ttl: 2 * minute, soft: 20 * minute }]
      : [{ ttl: 20 * minute, soft: minute }, { ttl: 20 * minute, soft: 2 * minute }]
    const profiles = [
      { ttl: "20 minutes" },
      ...beside === undefined ? [] : [{ ttl: "20 minutes", [beside]: "2 minutes" }]
    ] as ReadonlyArray<CacheProfiles.Profile>
    const options = strategy as { readonly ttl: "1 hour" }
    const fn = Cached.fn(Weather, () => load, options)
    const many = Cached.many(Weather, (keys) => Effect.succeed(keys.map(() => Exit.succeed(1))), options)
    const ways: { readonly [way: string]: Effect.Effect<unknown, unknown, Caching.Caching> } = {
      combinator: combinators[name],
      withStrategy: load.pipe(Cached.withStrategy(key, { strategy })),
      function: fn({ id: 1 }),
      bulk: many([{ id: 1 }]),
      "a read in a transaction": Transaction.run(fn({ id: 1 })),
      "a bulk call in a transaction": Transaction.run(many([{ id: 1 }]))
    }
    for (const [way, read] of Object.entries(ways)) {
      it.effect(`${name}: ${way}`, () =>
        Effect.gen(function*() {
          for (const [i, profile] of profiles.entries()) {
            expect(yield* Effect.andThen(read, millisLeft(1)).pipe(under({ Weather: profile }))).toEqual(expected[i])
          }
        }))
    }
  }

  it.effect("the strategy of the layer", () =>
    Effect.gen(function*() {
      const layer = CacheLayer.memory({ strategy: { ttl: "1 hour" } }).pipe(
        CacheProfiles.layer({ classes, profiles: { Weather: { ttl: "5 minutes" } } })
      )
      const life = yield* Effect.andThen(load.pipe(Cached.withStrategy(key)), millisLeft(1)).pipe(
        Effect.provide(layer)
      )
      expect(life?.ttl).toBe(5 * minute)
    }))

  it.effect("stored streams live as long as the profile says", () =>
    Effect.gen(function*() {
      let runs = 0
      const rows = Stream.suspend(() => Stream.make(++runs)).pipe(Cached.stream(key, { ttl: "1 hour" }))
      const program = Effect.gen(function*() {
        yield* Stream.runDrain(rows)
        yield* TestClock.adjust("4 minutes")
        expect(yield* Stream.runCollect(rows)).toEqual([1])
        yield* TestClock.adjust("2 minutes")
        expect(yield* Stream.runCollect(rows)).toEqual([2])
      })
      yield* program.pipe(under({ Weather: { ttl: "5 minutes" } }))
    }))

  it.effect("reads inside loads, and refreshes", () =>
    Effect.gen(function*() {
      const { count, load } = counted()
      const inner = load.pipe(Cached.refreshAhead(key, { ttl: "1 hour", refreshAfter: "30 minutes" }))
      const outer = inner.pipe(Cached.ttl("outer", { ttl: "1 second", inherit: false }))
      const program = Effect.gen(function*() {
        yield* outer
        expect(yield* millisLeft(1)).toEqual({ ttl: 10 * minute, soft: minute })
        yield* TestClock.adjust("2 minutes")
        yield* outer
        yield* Effect.yieldNow
        yield* TestClock.adjust("0 millis")
        expect(count.loads).toBe(2)
        // The result of the refresh has the profile too.
        expect(yield* millisLeft(1)).toEqual({ ttl: 10 * minute, soft: minute })
      })
      yield* program.pipe(under({ Weather: { ttl: "10 minutes", refreshAfter: "1 minute" } }))
    }))
})

describe("resolvers", () => {
  it.effect("each key has the profile of its class, in one call too, and the answers keep their order", () =>
    Effect.gen(function*() {
      const batches: Array<number> = []
      const origin = RequestResolver.make<Weather | Page>((entries) =>
        Effect.sync(() => {
          batches.push(entries.length)
          for (const entry of entries) entry.completeUnsafe(Exit.succeed(entry.request.id))
        })
      )
      const program = Effect.gen(function*() {
        const resolver = yield* Cached.resolver(origin, { ttl: "1 hour" })
        const keys = [1, 2, 3, 4].map((id) => id % 2 === 0 ? new Page({ id }) : new Weather({ id }))
        const answers = yield* Effect.forEach(keys, (key) => Effect.request(key as Page, resolver), {
          concurrency: "unbounded"
        })
        expect(answers).toEqual([1, 2, 3, 4])
        expect(batches).toEqual([4])
        const ends = yield* Effect.forEach(keys, (key) => Effect.map(Cached.getEntry(key as Page), Option.getOrThrow))
        expect(ends.map(({ expiresAt }) => expiresAt)).toEqual([3 * minute, hour, 3 * minute, hour])
      })
      yield* program.pipe(under({ Weather: { ttl: "3 minutes" } }))
    }))
})

describe("what a profile leaves alone", () => {
  const read = (id: number, load: Effect.Effect<number, "down"> = Effect.succeed(1)) =>
    load.pipe(Cached.ttl(new Weather({ id }), { ttl: "1 hour" }))

  it.effect("other classes, string keys, and lifetimes that are given by hand", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        yield* Effect.succeed(1).pipe(Cached.ttl(new Page({ id: 1 }), { ttl: "1 hour" }))
        yield* Effect.succeed(1).pipe(Cached.ttl("Weather", { ttl: "1 hour" }))
        yield* Cached.set(new Weather({ id: 1 }), 1, { ttl: "2 hours" })
        yield* Cached.annotate({ ttl: "3 hours" }).pipe(
          Effect.as(1),
          Cached.ttl(new Weather({ id: 2 }), { ttl: "1 hour" })
        )
        yield* read(1)
        yield* read(2)
        const lives = yield* Effect.all(
          [new Page({ id: 1 }), new Weather({ id: 1 }), new Weather({ id: 2 })].map((key) =>
            Cached.getEntry(key as Page)
          )
        )
        expect(lives.map((entry) => Option.getOrThrow(entry).expiresAt)).toEqual([hour, 2 * hour, 3 * hour])
      })
      yield* program.pipe(under({ Weather: { ttl: "1 minute" } }))
    }))

  it.effect("results that the program does not store", () =>
    Effect.gen(function*() {
      const { count, load } = counted()
      const key = new Weather({ id: 1 })
      const ways = [
        Cached.ttl(key, { ttl: () => 0 }),
        Cached.ttl(key, { ttl: "1 hour", when: () => false }),
        Cached.ttl(key, { ttl: "1 hour", storeIf: () => false }),
        Cached.ttl(key, { ttl: "1 hour", minLoad: "1 hour" })
      ]
      for (const way of ways) {
        yield* Effect.all([way(load), way(load)]).pipe(under({ Weather: { ttl: "1 minute" } }))
      }
      expect(count.loads).toBe(2 * ways.length)
      // A function that stores only says whether, and the profile says for how long.
      const stored = Effect.andThen(load.pipe(Cached.ttl(key, { ttl: () => "1 hour" })), millisLeft(1))
      expect((yield* stored.pipe(under({ Weather: { ttl: "1 minute" } })))?.ttl).toBe(minute)
    }))

  it.effect("a disabled cache, and reads that bypass it", () =>
    Effect.gen(function*() {
      const { count, load } = counted()
      const effect = load.pipe(Cached.ttl(new Weather({ id: 1 }), { ttl: "1 hour" }))
      const disabled = CacheLayer.disabled.pipe(CacheProfiles.layer({ classes }))
      yield* Effect.provide(Effect.all([effect, effect, CacheProfiles.set(Weather, { ttl: "1 minute" })]), disabled)
      yield* effect.pipe(CachePolicy.bypass, under({ Weather: { ttl: "1 minute" } }))
      expect(count.loads).toBe(3)
    }))
})

describe("jitter, inherit and serializer", () => {
  it.effect("jitter shortens lifetimes", () =>
    Effect.gen(function*() {
      const read = (id: number) => Effect.succeed(1).pipe(Cached.ttl(new Weather({ id }), { ttl: "1 hour" }))
      const lives = Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (id) => Effect.andThen(read(id), millisLeft(id)))
      const ttls = (yield* lives.pipe(under({ Weather: { jitter: 0.5 } }))).map((life) => life!.ttl)
      expect(new Set(ttls).size).toBeGreaterThan(4)
      expect(Math.min(...ttls)).toBeGreaterThanOrEqual(hour / 2)
    }))

  it.effect("inherit shortens lifetimes, keeps them or refuses", () =>
    Effect.gen(function*() {
      const inner = Effect.succeed(1).pipe(Cached.ttl("inner", { ttl: "1 minute" }))
      const outer = inner.pipe(Cached.ttl(new Weather({ id: 1 }), { ttl: "1 hour" }))
      const life = Effect.andThen(Effect.andThen(inner, outer), millisLeft(1))
      expect((yield* life.pipe(under({})))?.ttl).toBe(minute)
      expect((yield* life.pipe(under({ Weather: { inherit: false } })))?.ttl).toBe(hour)
      expect(yield* life.pipe(under({ Weather: { inherit: "refuse" } }))).toBeUndefined()
    }))

  it.effect("serializer: the class has it in the store, and others do not", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const cache = CacheLayer.layer({ memory: false }).pipe(
        Layer.provide(Layer.succeed(Store.Store, store)),
        CacheProfiles.layer({ classes, profiles: { Weather: { serializer: Structured } } })
      )
      const key = { weather: new Weather({ id: 1 }), page: new Page({ id: 1 }) }
      const program = Effect.gen(function*() {
        yield* Cached.set(key.weather, 20)
        yield* Cached.set(key.page, 20)
        expect(yield* Cached.getOption(key.weather)).toEqual(Option.some(20))
        expect(yield* Cached.getOption(key.page)).toEqual(Option.some(20))
      })
      yield* Effect.provide(program, cache)
      const entries = yield* Stream.runCollect(store.scan()).pipe(
        Effect.flatMap((rows) => store.getMany(rows.map(({ id }) => id)))
      )
      const serializers = entries.map((entry) => entry!.meta.serializer)
      expect(new Set(serializers).size).toBe(2)
    }))
})

describe("set", () => {
  const { count, load } = counted()
  const read = Cached.fn(Weather, () => load, { ttl: "1 hour" })

  it.effect("counts for reads that begin later, and moves the deadlines of what is there", () =>
    Effect.gen(function*() {
      count.loads = 0
      const program = Effect.gen(function*() {
        yield* read({ id: 1 })
        yield* TestClock.adjust("5 minutes")
        yield* CacheProfiles.set(Weather, { ttl: "10 minutes" })
        yield* read({ id: 1 })
        expect((yield* millisLeft(1))?.ttl).toBe(10 * minute)
        yield* CacheProfiles.set("Weather", { ttl: "4 minutes" })
        yield* read({ id: 1 })
        expect(count.loads).toBe(2)
        // Without a profile, the class is as the program has it.
        yield* CacheProfiles.set("Weather", {})
        yield* read({ id: 1 })
        expect((yield* millisLeft(1))?.ttl).toBe(hour)
        expect(yield* CacheProfiles.current).toEqual({})
      })
      yield* program.pipe(under({}))
    }))

  it.effect("a profile that changes in the middle of ten thousand reads: each follows the old or the new one, whole", () =>
    Effect.gen(function*() {
      const old = { ttl: "10 minutes", softTtl: "1 minute" } as const
      const next = { ttl: "20 minutes", softTtl: "15 minutes" } as const
      const soft = Cached.fn(Weather, ({ id }) => Effect.as(Effect.yieldNow, id), {
        strategy: "softTtl",
        ttl: "1 hour",
        softTtl: "30 minutes",
        fallbackOn: "all"
      })
      const program = Effect.gen(function*() {
        const ids = Array.from({ length: 10_000 }, (_, id) => id)
        const reads = yield* Effect.forkChild(
          Effect.forEach(ids, (id) => Effect.andThen(Effect.yieldNow, soft({ id })), { concurrency: 50 })
        )
        let changes = 0
        while (reads.pollUnsafe() === undefined) {
          yield* CacheProfiles.set(Weather, changes++ % 2 === 0 ? next : old)
          for (let i = 0; i < 5; i++) yield* Effect.yieldNow
        }
        yield* Fiber.join(reads)
        expect(changes).toBeGreaterThan(10)
        const lives = new Map<string, number>()
        for (const id of ids) {
          const { soft, ttl } = (yield* millisLeft(id))!
          const life = `${soft / minute} of ${ttl / minute}`
          lives.set(life, (lives.get(life) ?? 0) + 1)
        }
        expect(Array.from(lives.keys()).toSorted()).toEqual(["1 of 10", "15 of 20"])
        for (const count of lives.values()) expect(count).toBeGreaterThan(100)
      })
      yield* program.pipe(under({ Weather: old }))
    }))

  it.effect("a read that has begun keeps its profile, though its load ends later", () =>
    Effect.gen(function*() {
      const slow = Effect.as(Effect.sleep("1 second"), 1).pipe(
        Cached.ttl(new Weather({ id: 1 }), { ttl: "1 hour" })
      )
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(slow, { startImmediately: true })
        yield* CacheProfiles.set(Weather, { ttl: "2 minutes" })
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        expect((yield* millisLeft(1))?.ttl).toBe(5 * minute)
      })
      yield* program.pipe(under({ Weather: { ttl: "5 minutes" } }))
    }))

  it.effect("of two layers of profiles, the outer one counts, whole", () =>
    Effect.gen(function*() {
      const cache = CacheLayer.memory().pipe(
        CacheProfiles.layer({ classes: [Weather], profiles: { Weather: { ttl: "5 minutes" } } }),
        CacheProfiles.layer({ classes: [Weather], profiles: { Weather: { jitter: 0 } } })
      )
      const life = Effect.andThen(read({ id: 1 }), millisLeft(1))
      expect((yield* Effect.provide(life, cache))?.ttl).toBe(hour)
    }))

  it.effect("of two layers of profiles, the classes of both can be seen and set", () =>
    Effect.gen(function*() {
      const cache = CacheLayer.memory().pipe(
        CacheProfiles.layer({ classes: [Weather], profiles: { Weather: { ttl: "5 minutes" } } }),
        CacheProfiles.layer({ classes: [Page], profiles: { Page: { jitter: 0 } } })
      )
      const program = Effect.gen(function*() {
        expect(yield* CacheProfiles.current).toEqual({ Weather: { ttl: "5 minutes" }, Page: { jitter: 0 } })
        yield* CacheProfiles.set(Weather, { ttl: "2 minutes" })
        yield* read({ id: 1 })
        expect((yield* millisLeft(1))?.ttl).toBe(2 * minute)
        const misfit = yield* Effect.flip(CacheProfiles.set(Weather, { softTtl: "1 minute" }))
        expect(misfit.message).toContain("does not fit strategy: \"ttl\"")
        expect((yield* Effect.flip(CacheProfiles.set("Wether", {}))).message).toContain("no class \"Wether\"")
      })
      yield* Effect.provide(program, cache)
    }))

  it.effect("over routes, the profile of a class is that of the cache which has its entries", () =>
    Effect.gen(function*() {
      const profiled = () => CacheLayer.memory().pipe(CacheProfiles.layer({ classes: [Weather, Page] }))
      const failure = (profile: CacheProfiles.Profile) =>
        Effect.map(Effect.flip(CacheProfiles.set(Weather, profile)), ({ message }) => message)
      const both = CacheLayer.routed({ default: profiled(), routes: [[Weather, profiled()]] })
      const misfit = Effect.gen(function*() {
        yield* read({ id: 1 })
        expect(yield* failure({ softTtl: "1 minute" })).toContain("does not fit strategy: \"ttl\"")
        expect(yield* CacheProfiles.current).toEqual({})
      })
      yield* Effect.provide(misfit, both)
      const other = CacheLayer.routed({ default: profiled(), routes: [[Weather, CacheLayer.memory()]] })
      expect(yield* Effect.provide(failure({ ttl: "1 minute" }), other)).toContain("no profiles")
    }))

  it.effect("fails, and changes nothing, for what is wrong or does not fit the strategies so far", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        yield* read({ id: 1 })
        const failure = (profile: object, name: typeof Weather | string = Weather) =>
          Effect.map(Effect.flip(CacheProfiles.set(name, profile)), ({ message }) => message)
        expect(yield* failure({}, "Wether")).toBe(
          "CacheProfiles.set has no class \"Wether\": did you mean \"Weather\"? Use one of Weather, Page"
        )
        expect(yield* failure({ tll: 1 })).toContain(
          "the profile of \"Weather\" has no option \"tll\": did you mean \"ttl\""
        )
        expect(yield* failure({ ttl: 0 })).toContain("ttl of the profile of \"Weather\" must be longer than 0")
        expect(yield* failure({ ttl: "1 hour", softTtl: "1 hour" })).toContain("softTtl (3600000 ms) is as long as ttl")
        expect(yield* failure({ jitter: 2 })).toContain("jitter must be a share from 0 to 1")
        expect(yield* failure({ inherit: "all" })).toContain("inherit of the profile of \"Weather\" must be")
        expect(yield* failure({ serializer: Structured })).toContain("option of CacheProfiles.layer alone")
        expect(yield* failure({ softTtl: "1 minute" })).toBe(
          "The profile of \"Weather\" does not fit strategy: \"ttl\" of its reads: it has no option \"softTtl\": use one of " +
            "ttl, jitter, inherit"
        )
        expect(yield* CacheProfiles.current).toEqual({ Weather: { ttl: "5 minutes" } })
        expect(yield* Effect.flip(CacheProfiles.set(Weather, 5 as never))).toBeInstanceOf(CacheError.CacheConfigError)
      })
      yield* program.pipe(under({ Weather: { ttl: "5 minutes" } }))
      const none = yield* Effect.flip(Effect.provide(CacheProfiles.set(Weather, {}), CacheLayer.memory()))
      expect(none.message).toContain("The cache has no profiles")
    }))

  it.effect("reaches profiles in a routed cache and in a transaction, which explain what they do", () =>
    Effect.gen(function*() {
      const inside = CacheLayer.memory().pipe(CacheProfiles.layer({ classes: [Weather] }))
      const layer = CacheLayer.routed({ default: CacheLayer.memory(), routes: [[Weather, inside]] })
      const effect = Effect.succeed(1).pipe(
        Cached.refreshAhead(new Weather({ id: 1 }), { ttl: "1 hour", refreshAfter: "30 minutes" })
      )
      const program = Effect.gen(function*() {
        yield* Transaction.run(CacheProfiles.set(Weather, { ttl: "5 minutes", refreshAfter: "1 minute" }))
        yield* effect
        expect((yield* millisLeft(1))?.ttl).toBe(5 * minute)
        expect(yield* CacheProfiles.current).toEqual({ Weather: { ttl: "5 minutes", refreshAfter: "1 minute" } })
      })
      yield* Effect.provide(program, layer)
      const explained = Effect.gen(function*() {
        yield* effect
        yield* CacheProfiles.set(Weather, { refreshAfter: "1 minute" })
        yield* TestClock.adjust("2 minutes")
        return (yield* Explanation.of(effect)).next[0]
      })
      expect(yield* explained.pipe(under({}))).toMatchObject({ source: "stale", refresh: true })
    }))
})

describe("bad input", () => {
  const layer = (options: object) => () => CacheProfiles.layer(CacheLayer.memory(), options as never)

  it("is refused where the layer is made", () => {
    expect(layer({ classes: [Weather], profiles: { Wether: {} } })).toThrow(
      "did you mean \"Weather\"? Use one of Weather"
    )
    expect(layer({ classes: [], profiles: {} })).toThrow("has no classes")
    expect(layer({ classes: [Weather, Weather] })).toThrow("two classes of one name")
    expect(layer({ classes: [Object] })).toThrow("needs a key class")
    expect(layer({ classes: Weather })).toThrow("needs a list")
    expect(layer({ profile: {} })).toThrow("did you mean \"profiles\"?")
    expect(layer({ classes: [Weather], profiles: { Weather: { ttl: "soon" } } })).toThrow(
      "ttl of the profile of \"Weather\""
    )
    expect(layer({ classes: [Weather], profiles: { Weather: "1 hour" } })).toThrow(
      "the profile of \"Weather\" needs options"
    )
    expect(layer({ classes: [Weather], profiles: { Weather: { idle: "2 hours", ttl: "1 hour" } } })).toThrow("idle")
    expect(layer({ classes: [Weather], profiles: { Weather: { serializer: "json" } } })).toThrow(
      "must be one like Json"
    )
    expect(layer({ classes: [Weather], profiles: [] })).toThrow("needs options")
    expect(() => CacheProfiles.layer({} as never, { classes })).toThrow("needs the layer of a cache")
    // @ts-expect-error a class that the layer does not have
    expect(() => CacheProfiles.layer(CacheLayer.memory(), { classes: [Weather], profiles: { Page: {} } })).toThrow(
      "Page"
    )
  })

  it.effect("a read dies if the profile does not fit its strategy", () =>
    Effect.gen(function*() {
      const key = new Weather({ id: 1 })
      const read = Effect.succeed(1).pipe(
        Cached.softTtl(key, { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" })
      )
      expect(messageOf(yield* Effect.exit(read.pipe(under({ Weather: { ttl: "1 minute" } }))))).toBe(
        "The profile of \"Weather\" does not fit strategy: \"softTtl\" of its reads: softTtl (60000 ms) is as long as ttl " +
          "(60000 ms): shorten softTtl, or lengthen ttl"
      )
      const own: Strategy.Strategy = {
        name: "own",
        decide: (entry) => entry === undefined ? "Load" : "Serve",
        lifetime: () => ({ softTtl: 1, ttl: 1 })
      }
      const ofOwn = Effect.succeed(1).pipe(Cached.withStrategy(key, { strategy: own }))
      expect(messageOf(yield* Effect.exit(ofOwn.pipe(under({ Weather: { ttl: "1 minute" } }))))).toContain(
        "does not fit the strategy \"own\" of its reads: it has no option \"ttl\": use one of jitter, inherit"
      )
      expect(yield* ofOwn.pipe(under({ Weather: { jitter: 0.1 } }))).toBe(1)
      const forever = Effect.succeed(1).pipe(Cached.untilInvalidated(key))
      expect(messageOf(yield* Effect.exit(forever.pipe(under({ Weather: { ttl: "1 minute" } }))))).toContain(
        "use one of inherit"
      )
    }))
})

describe("a profile that shortens a ttl and is raised again removes nothing", () => {
  const store = () => Layer.effect(Store.Store, Effect.sync(() => MemoryStore.make()))
  const caches = {
    memory: () => CacheLayer.memory(),
    "a store with memory": () => Layer.provide(CacheLayer.layer(), store()),
    "a store without memory": () => Layer.provide(CacheLayer.layer({ memory: false }), store()),
    tiers: () =>
      CacheLayer.tiered([
        CacheLayer.memory(),
        Layer.provide(CacheLayer.layer({ memory: false }), store())
      ])
  }
  for (const [name, make] of Object.entries(caches)) {
    it.effect(`over ${name}, an entry that ended meanwhile is served again within its stored lifetime`, () =>
      Effect.gen(function*() {
        const { count, load } = counted()
        const read = load.pipe(Cached.ttl(new Weather({ id: 1 }), { ttl: "1 hour", waitForWrite: true }))
        const failing = Effect.fail("down" as const).pipe(Cached.ttl(new Weather({ id: 1 }), { ttl: "1 hour" }))
        expect(yield* read).toBe(1)
        yield* CacheProfiles.set(Weather, { ttl: "10 minutes" })
        yield* TestClock.adjust("5 minutes")
        expect(yield* read).toBe(1)
        yield* TestClock.adjust("15 minutes")
        // It has ended for reads under the profile, one of which finds nothing in its place.
        expect(Exit.isFailure(yield* Effect.exit(failing))).toBe(true)
        yield* CacheProfiles.set(Weather, { ttl: "1 hour" })
        expect(yield* read).toBe(1)
        yield* CacheProfiles.set(Weather, {})
        yield* TestClock.adjust("39 minutes")
        expect([yield* read, count.loads]).toEqual([1, 1])
        yield* TestClock.adjust("2 minutes")
        expect([yield* read, count.loads]).toEqual([2, 2])
      }).pipe(Effect.provide(CacheProfiles.layer(make(), { classes }))))
  }
})
