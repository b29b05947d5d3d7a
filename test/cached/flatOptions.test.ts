/** Options in one flat object: words for strategies, what is stored, outages, and the messages for other shapes. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { made } from "../support/strategies.ts"
import { test, testIn } from "../support/tests.ts"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.Int, error: Gone }) {}

const memory = CacheLayer.memory()

describe("a word makes the strategy of its name", () => {
  /** Loads in the hour after the first one, with a read every ten minutes. */
  const loads = (options: object) =>
    Effect.gen(function*() {
      let calls = 0
      const read = Cached.fn(() => "k", () => Effect.sync(() => ++calls), options as { readonly ttl: "1 hour" })
      for (let i = 0; i < 6; i++) {
        yield* read()
        yield* TestClock.adjust("10 minutes")
      }
      return calls
    }).pipe(Effect.provide(CacheLayer.memory()))

  test.each([
    [{ ttl: "1 hour" }, 1],
    [{ strategy: "ttl", ttl: "20 minutes" }, 3],
    [{ strategy: "softTtl", softTtl: "20 minutes", ttl: "1 hour" }, 3],
    [{ strategy: "refreshAhead", refreshAfter: "20 minutes", ttl: "1 hour" }, 3],
    [{ strategy: "probabilistic", ttl: "30 minutes" }, 2],
    [{ strategy: "sliding", idle: "15 minutes" }, 1],
    [{ strategy: "maxHits", hits: 1, ttl: "1 hour" }, 3],
    [{ strategy: "failover", ttl: "1 hour" }, 6],
    [{ strategy: "untilInvalidated" }, 1]
  ])("%j", function*([options, calls]) {
    expect(yield* loads(options as object)).toBe(calls)
  })
})

/** The outcome of a read whose load fails after a value was stored. */
const after = (failing: Effect.Effect<number, Down | Gone>, options: object) =>
  Effect.gen(function*() {
    yield* Cached.set("k", 1)
    const read = failing.pipe(Cached.withStrategy("k", { retryAfter: 0, ...options }))
    return yield* Effect.exit(read)
  })

describe("outages", () => {
  const own: Strategy.Strategy = {
    name: "own",
    decide: (entry) => entry === undefined ? "Load" : "LoadOrStale",
    lifetime: () => ({ softTtl: 1000, ttl: 1000 })
  }
  const strategies = { own, failover: { strategy: "failover", ttl: "1 hour" } }

  testIn(memory).each(Object.values(strategies))("without fallbackOn are timeouts alone: $name", function*(strategy) {
    expect(yield* after(Effect.fail(new Down()), { strategy })).toEqual(Exit.fail(new Down()))
    yield* Cached.remove("k")
    const late = new CacheError.LoadTimeout({ key: "inner", timeoutMillis: 1 })
    expect(yield* after(Effect.fail(late as never), { strategy })).toEqual(Exit.succeed(1))
  })

  testIn(memory)("are the failures that fallbackOn names, all, or those of a function", function*() {
    const strategy = own
    const named = (fallbackOn: unknown, failure: Down | Gone) =>
      Effect.andThen(Cached.remove("k"), after(Effect.fail(failure), { strategy, fallbackOn }))
    expect(yield* named(["Down"], new Down())).toEqual(Exit.succeed(1))
    expect(yield* named(["Down"], new Gone())).toEqual(Exit.fail(new Gone()))
    expect(yield* named("all", new Gone())).toEqual(Exit.succeed(1))
    const isDown = (cause: Cause.Cause<Down | Gone>) =>
      cause.reasons.some((one) => Cause.isFailReason(one) && one.error._tag === "Down")
    expect(yield* named(isDown, new Down())).toEqual(Exit.succeed(1))
    expect(yield* named(isDown, new Gone())).toEqual(Exit.fail(new Gone()))
  })

  testIn(CacheLayer.memory({ defaults: { fallbackOn: "all" } }))("are a default of the layer", function*() {
    expect(yield* after(Effect.fail(new Down()), { strategy: own })).toEqual(Exit.succeed(1))
  })
})

testIn(memory)("a failure is stored only if the read says so, whatever the strategy", function*() {
  let calls = 0
  const load = Effect.suspend(() => (calls++, Effect.fail(new Gone())))
  const strategy: Strategy.Strategy = {
    name: "own",
    decide: (entry) => entry ? "Serve" : "Load",
    lifetime: () => ({ softTtl: 9, ttl: 9 })
  }
  const plain = Cached.fn(() => "a", () => load, { strategy })
  yield* Effect.all([plain(), plain()].map(Effect.flip))
  expect(calls).toBe(2)
  const stored = Cached.fn(() => "b", () => load, { strategy, storeFailures: ["Gone"] })
  yield* Effect.all([stored(), stored()].map(Effect.flip))
  expect(calls).toBe(3)
})

describe("another shape is refused with the right one", () => {
  const C = Cached as any
  const get = () => Effect.succeed(1)

  it.each<[string, () => unknown, string | RegExp]>([
    ["key among the options", () => C.ttl({ key: "k", ttl: 1 }), /pass Cached.ttl\("answer"|key cannot be a value of/],
    [
      "the same, data-first",
      () => C.ttl(get(), { key: "k", ttl: 1 }),
      /pass Cached.ttl\("answer"|there is no option "key"/
    ],
    ["no options", () => C.ttl("k"), /Cached.ttl needs options|ttl is missing/],
    [
      "lookup among the options",
      () => C.fn(Item, { lookup: get, ttl: 1 }),
      "pass Cached.fn(Item, lookup, { ttl: \"1 hour\" })"
    ],
    ["a name", () => C.fn("Item", { lookup: get }), "Cached.fn needs a key class"],
    ["no options of a function", () => C.fn(Item, get), "pass Cached.fn(Item, lookup, { ttl: \"1 hour\" })"],
    ["a misspelt word", () => C.fn(Item, get, { strategy: "softTTL" }), "did you mean \"softTtl\"?"],
    [
      "an option of another word",
      () => C.fn(Item, get, { ttl: 1, idle: 1 }),
      "\"idle\": it belongs to strategy: \"sliding\""
    ],
    [
      "a time beside a strategy",
      () => C.fn(Item, get, { ttl: 1, strategy: made({ strategy: "maxHits", hits: 3, ttl: "24 hours" }) }),
      "it belongs to the strategy"
    ],
    [
      "fallbackOn beside ttl",
      () => C.fn(Item, get, { ttl: 1, fallbackOn: "all" }),
      "it belongs to strategy: \"softTtl\", \"failover\""
    ],
    [
      "fallbackOn of another type",
      () =>
        C.fn(Item, get, {
          strategy: made({ strategy: "maxHits", hits: 3, ttl: "24 hours" }),
          fallbackOn: "Down"
        }),
      "fallbackOn must be a list"
    ],
    [
      "a stream's key among the options",
      () => C.stream({ key: "k", ttl: 1 }),
      "pass Cached.stream(\"rows\", { ttl: \"1 hour\" })"
    ],
    ["the same, data-first", () => C.stream(Stream.make(1), { key: "k", ttl: 1 }), "pass Cached.stream(\"rows\""],
    [
      "a word that streams do not have",
      () => C.stream("k", { strategy: "sliding", idle: 1 }),
      "use one of ttl, softTtl, untilInvalidated"
    ],
    [
      "storeFailures of a strategy",
      () => C.withStrategy("k", { strategy: { ttl: 1, storeFailures: [] } }),
      "stand beside the strategy"
    ],
    ...["fn", "recursive", "many"].map((name): [string, () => unknown, string] => [
      `a strategy of Cached.${name} that holds its options`,
      () => C[name](Item, get, { strategy: { strategy: "softTtl", ttl: 2, softTtl: 1 }, fallbackOn: "all" }),
      "its options stand beside the name, like { strategy: \"softTtl\", ttl, softTtl }"
    ]),
    [
      "a strategy of Cached.stream that holds its options",
      () => C.stream("k", { strategy: { ttl: 2 } }),
      "its options stand beside the name"
    ]
  ])("%s", (_, call, says) => {
    // After many calls in a process, a combinator checks its arguments when the effect runs.
    const run = () => {
      const called = call() as any
      return Effect.runSync(Effect.provide(typeof called === "function" ? called(get()) : called, CacheLayer.memory()))
    }
    expect(run).toThrow(CacheError.CacheConfigError)
    expect(run).toThrow(says)
  })
})

it.effect("a failure of a reader whose strategy never falls back does not end the fallback of others", () =>
  Effect.gen(function*() {
    const down = Effect.fail(new Down())
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    yield* Effect.exit(down.pipe(Cached.ttl("k", { ttl: "1 hour" }), CachePolicy.refresh))
    const read = down.pipe(Cached.failover("k", { ttl: "1 hour", fallbackOn: ["Down"] }))
    expect(yield* read).toBe(1)
  }).pipe(Effect.provide(memory)))
