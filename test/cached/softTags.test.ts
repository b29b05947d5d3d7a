/** Soft invalidation by tag: an entry with the tag is stale, not gone. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, type Context, Effect, Exit, Fiber, Layer, Option, Ref, Schema, type Scope } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, start, taking } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  error: Schema.String,
  indexes: ["city"]
}) {}

const berlin = new Report({ city: "Berlin" })

const soften = Cached.invalidate({ tag: "t" }, { mode: "soft" })
const harden = Cached.invalidate({ tag: "t" })

const options = { ttl: "1 hour", tags: ["t"] } as const
const softTtl = Cached.softTtl("k", { ...options, softTtl: "30 minutes", retryAfter: 0, fallbackOn: "all" })
const down = Effect.fail("down")

describe.each(caches)("soft tags over $name", (cache) => {
  const test = testIn(cache.layer())

  test("a load that runs meanwhile: waiting callers get its result, which is stale from its birth", function*() {
    const { load } = counting(1000)
    const before = yield* start(softTtl(load))
    const joined = yield* start(softTtl(load))
    yield* TestClock.adjust("500 millis")
    yield* soften
    yield* TestClock.adjust("500 millis")
    expect([yield* Fiber.join(before), yield* Fiber.join(joined)]).toEqual([1, 1])
    expect(yield* softTtl(down)).toBe(1)
    expect(yield* taking("1 second", softTtl(load))).toBe(2)
    expect(yield* softTtl(down)).toBe(2)
  })

  test("a whole class, and an index of it", function*() {
    const get = <E>(load: Effect.Effect<number, E>) =>
      load.pipe(Cached.softTtl(berlin, { ttl: "1 hour", softTtl: (_) => "1 hour", retryAfter: 0, fallbackOn: "all" }))
    for (
      const invalidate of [
        Cached.invalidate({ all: Report }, { mode: "soft" }),
        Cached.invalidate({ where: [Report, { city: "Berlin" }] }, { mode: "soft" })
      ]
    ) {
      yield* Cached.set(berlin, 1, { ttl: "1 hour" })
      yield* invalidate
      expect([yield* get(Effect.fail("down")), yield* get(Effect.succeed(2))]).toEqual([1, 2])
    }
  })

  test("many: what is stale is loaded with what is missing, and served where that fails", function*() {
    const asked: Array<ReadonlyArray<string>> = []
    const fails = yield* Ref.make(false)
    const many = Cached.many(Report, (keys) =>
      Effect.suspend(() => {
        asked.push(keys.map(({ city }) => city))
        return Effect.map(
          Ref.get(fails),
          (failing) => keys.map(() => failing ? Exit.fail("down") : Exit.succeed(asked.length))
        )
      }), { strategy: "softTtl", ttl: "1 hour", softTtl: (_) => "1 hour", retryAfter: 0, fallbackOn: "all" })
    const cities = [{ city: "Berlin" }, { city: "Paris" }]
    expect(yield* many(cities)).toEqual([Exit.succeed(1), Exit.succeed(1)])
    yield* Cached.invalidate({ where: [Report, { city: "Paris" }] }, { mode: "soft" })
    yield* Ref.set(fails, true)
    expect(yield* many(cities)).toEqual([Exit.succeed(1), Exit.succeed(1)])
    yield* Ref.set(fails, false)
    expect(yield* many(cities)).toEqual([Exit.succeed(1), Exit.succeed(3)])
    expect(asked).toEqual([["Berlin", "Paris"], ["Paris"], ["Paris"]])
  })

  test("of more tags than are remembered those forgotten err to stale and gone, never to fresh", function*() {
    yield* softTtl(Effect.succeed(1))
    yield* soften
    for (let i = 0; i < 10_001; i++) yield* Cached.invalidate({ tag: `other${i}` }, { mode: "soft" })
    expect([yield* softTtl(down), yield* softTtl(Effect.succeed(2))]).toEqual([1, 2])
  })
})

const test = testIn(CacheLayer.memory())

test("a strategy of one's own that refreshes whatever the age serves nothing that was marked as stale", function*() {
  const always: Strategy.Strategy = {
    name: "always",
    decide: (entry, now) => entry === undefined || now >= entry.expiresAt ? "Load" : "ServeAndRefresh",
    lifetime: () => ({ softTtl: Infinity, ttl: Infinity })
  }
  const get = (n: number) => Cached.withStrategy(Effect.succeed(n), "k", { tags: ["t"], strategy: always })
  expect(yield* get(1)).toBe(1)
  yield* soften
  expect(yield* get(2)).toBe(2)
})

test("a mode that is none is a CacheConfigError", function*() {
  for (const options of [{ mode: "softly" }, { modes: "soft" }]) {
    const exit = yield* Effect.exit(Effect.suspend(() => Cached.invalidate({ tag: "t" }, options as never)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
  }
})

test("invalidate over a list: an index is no option", function*() {
  yield* Cached.set("k", 1, { tags: ["b"] })
  yield* Effect.forEach([{ tag: "a" }, { tag: "b" }], Cached.invalidate)
  expect(yield* Cached.has("k")).toBe(false)
})

describe("soft tags while the store fails", () => {
  const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

  interface Broken {
    down: boolean
    readonly modes: Array<string | undefined>
  }

  /** With a value that is stored, over a store whose tags cannot be invalidated from then on. */
  const whileDown = <Step extends Effect.Effect<any, any, Caching.Caching>>(
    use: (broken: Broken) => Generator<Step, void, never>
  ) => {
    const { store } = fakeStore()
    const broken: Broken = { down: false, modes: [] }
    const layer = Layer.succeed(Store.Store, {
      ...store,
      invalidateTags: (tags, mode) =>
        Effect.suspend(() => {
          if (broken.down) return Effect.fail(unavailable)
          broken.modes.push(mode)
          return store.invalidateTags(tags, mode)
        })
    })
    const program = Effect.gen(function*() {
      yield* softTtl(Effect.succeed(1))
      broken.down = true
      yield* Effect.gen(() => use(broken))
    })
    return Effect.provide(program, over({ layer }, { memory: false }))
  }

  it.effect("an unacknowledged invalidation makes stale what the store has, and nothing else", () =>
    whileDown(function*(broken) {
      yield* soften
      expect([yield* softTtl(down), yield* softTtl(Effect.succeed(2))]).toEqual([1, 2])
      broken.down = false
    }))

  it.effect("the replay keeps the mode", () =>
    whileDown(function*(broken) {
      yield* soften
      broken.down = false
      yield* TestClock.adjust("2 seconds")
      expect(broken.modes).toEqual(["soft"])
      expect(yield* softTtl(down)).toBe(1)
    }))

  it.effect.each([["soft", "hard"], ["hard", "soft"]] as const)(
    "%s, then %s in vain: gone, here and there",
    (modes) =>
      whileDown(function*(broken) {
        for (const mode of modes) yield* Cached.invalidate({ tag: "t" }, { mode })
        expect(yield* Effect.exit(softTtl(down))).toEqual(Exit.fail("down"))
        broken.down = false
        yield* TestClock.adjust("2 seconds")
        expect(broken.modes).toContain("hard")
        expect(yield* Effect.exit(softTtl(down))).toEqual(Exit.fail("down"))
      })
  )
})

describe("soft tags across engines on one folder", () => {
  const engine = (directory: string, options?: { readonly memory?: boolean }) =>
    Layer.build(Layer.fresh(CacheLayer.disk({ directory, ...options }))) as Effect.Effect<
      Context.Context<Caching.Caching>,
      unknown,
      Scope.Scope
    >

  const two = Effect.flatMap(tempDirectory, (directory) => Effect.all([engine(directory), engine(directory)]))

  testIn()("an entry that one marks as stale while the other loads is stale from its birth", function*() {
    const [one, other] = yield* two
    const { load } = counting(1000)
    const loading = yield* start(softTtl(load).pipe(Effect.provide(other)))
    yield* TestClock.adjust("500 millis")
    yield* soften.pipe(Effect.provide(one))
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(loading)).toBe(1)
    for (const context of [one, other]) {
      const entry = Option.getOrThrow(yield* Cached.getEntry("k").pipe(Effect.provide(context)))
      expect([entry.value, entry.softExpiresAt]).toEqual([1, -Infinity])
    }
    expect(yield* softTtl(Effect.succeed(2)).pipe(Effect.provide(one))).toBe(2)
  })

  testIn()("after a pause the first to ask finds what the other has marked as stale meanwhile", function*() {
    const [one, other] = yield* two
    yield* softTtl(Effect.succeed(1)).pipe(Effect.provide(one))
    yield* soften.pipe(Effect.provide(one))
    expect(yield* Cached.getOption("k").pipe(Effect.provide(other))).toEqual(Option.some(1))
  })

  testIn()("after a pause what is put in outlives what the other has invalidated before", function*() {
    const [one, other] = yield* two
    yield* Cached.set("first", 1).pipe(Effect.provide(other))
    yield* TestClock.adjust("1 minute")
    yield* harden.pipe(Effect.provide(one))
    yield* Cached.set("k", 1, { tags: ["t"] }).pipe(Effect.provide(other))
    for (const context of [one, other]) {
      expect(yield* Cached.getOption("k").pipe(Effect.provide(context))).toEqual(Option.some(1))
    }
  })

  testIn()("a restart forgets neither the value nor that it is stale", function*() {
    const directory = yield* tempDirectory
    const run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) =>
      Effect.scoped(Effect.flatMap(engine(directory), (context) => Effect.provide(effect, context)))
    yield* run(softTtl(Effect.succeed(1)))
    yield* run(soften)
    expect(yield* run(softTtl(down))).toBe(1)
    expect(yield* run(Cached.ttl(Effect.succeed(2), "k", options))).toBe(2)
  })
})
