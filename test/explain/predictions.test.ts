/** Reads do what an explanation said before. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema, type Scope } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { StoreError } from "effect-cached/CacheError"
import { Explanation } from "effect-cached/explain"
import { TestClock } from "effect/testing"
import { caches, type FakeStore, fakeStore, over, settle, start, within } from "../support/caches.ts"
import { sized } from "../support/everything.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.String },
  success: Schema.Number,
  error: Schema.String
}) {}

const kinds = [
  "ttl",
  "softTtl",
  "ahead",
  "failover",
  "sliding",
  "maxHits",
  "random",
  "shortMemory",
  "computed"
] as const

type Kind = (typeof kinds)[number]

const what = Schema.Literals([
  ...kinds,
  ...kinds,
  ...[
    "begin",
    "begin",
    "later",
    "later",
    "much later",
    "invalidate",
    "tag",
    "soft",
    "set",
    "clear"
  ] as const,
  ...["down", "elsewhere"] as const
])

const steps = Schema.Array(Schema.Struct({
  what,
  kind: Schema.Literals(kinds),
  slow: Schema.Boolean,
  fails: Schema.Literals([false, false, false, true]),
  text: Schema.Boolean,
  /** Which of the predicted answers is checked. */
  which: Schema.Literals([0, 0, 0, 0, 0, 1, 2, 3])
})).check(Schema.isMinLength(20), Schema.isMaxLength(60))

interface Case {
  readonly name: string
  readonly memory: boolean
  /** The cache, and what another process has, or a store that can fail. */
  readonly make: Effect.Effect<
    {
      readonly cache: Layer.Layer<Caching.Caching>
      readonly other?: Layer.Layer<Caching.Caching>
      readonly fake?: FakeStore
    },
    never,
    Scope.Scope
  >
}

const cases: ReadonlyArray<Case> = [
  ...caches.map(({ layer, memory, name }) => ({ name, memory, make: Effect.sync(() => ({ cache: layer() })) })),
  {
    name: "a store that fails at times",
    memory: true,
    make: Effect.sync(() => {
      const fake = fakeStore()
      return { cache: over(fake), fake }
    })
  },
  {
    name: "a database of two processes",
    memory: true,
    make: Effect.map(tempDirectory, (directory) => {
      const layer = () => Layer.orDie(Layer.fresh(CacheLayer.disk({ directory })))
      return { cache: layer(), other: layer() }
    })
  }
]

const unavailable = Effect.fail(new StoreError({ store: "fake", operation: "any", reason: "Unavailable" }))

/** How often each answer was predicted, over all runs. */
const predicted: Record<string, number> = {}

describe.each(cases)("over $name", ({ make, memory }) => {
  it.effect.prop("the next answer, and later ones", [steps], ([steps]) => {
    let fails = false
    let isSlow = false
    const load = Effect.suspend(() => {
      const result = fails ? Effect.fail("down") : Effect.succeed(1)
      return isSlow ? Effect.andThen(Effect.sleep("2 seconds"), result) : result
    })
    const common = { ttl: "1 minute", tags: ["t"], retryAfter: "2 seconds" } as const
    const read = (id: string, text: boolean, kind: Kind): Effect.Effect<number, string, Caching.Caching> => {
      const key = (text ? id : new User({ id })) as string
      switch (kind) {
        case "softTtl":
          return load.pipe(Cached.softTtl(key, { ...common, softTtl: "5 seconds", fallbackOn: "all" }))
        case "ahead":
          return load.pipe(Cached.refreshAhead(key, { ...common, refreshAfter: "5 seconds" }))
        case "failover":
          return load.pipe(Cached.failover(key, { ...common, fallbackOn: "all" }))
        case "sliding":
          return load.pipe(Cached.sliding(key, { idle: "10 seconds", ttl: "30 seconds", tags: ["t"] }))
        case "maxHits":
          return memory
            ? load.pipe(Cached.maxHits(key, { ...common, hits: 3, refreshAfter: 2 }))
            : load.pipe(Cached.ttl(key, common))
        case "random":
          return load.pipe(Cached.probabilistic(key, common))
        case "shortMemory":
          return load.pipe(Cached.ttl(key, { ...common, memoryTtl: "4 seconds" }))
        case "computed":
          return load.pipe(Cached.ttl(key, { ...common, ttl: () => "20 seconds" }))
        default:
          return load.pipe(Cached.ttl(key, common))
      }
    }
    const check = Effect.fnUntraced(function*(effect: Effect.Effect<number, string, Caching.Caching>, which: number) {
      const before = yield* Cached.stats
      const { at, next } = yield* Explanation.of(effect)
      const after = yield* Cached.stats
      for (const name of ["hits", "storeHits", "misses", "joined", "stale", "loads", "refreshes"] as const) {
        expect(after[name]).toBe(before[name])
      }
      const answer = next[Math.min(which, next.length - 1)]!
      // Retries of refreshes begin at fractions of a millisecond.
      if (answer.at > at) yield* TestClock.adjust(Math.ceil(answer.at - at))
      const { refreshes } = yield* Cached.stats
      const reading = yield* start(Cached.detect(Effect.exit(effect)))
      yield* settle
      const begun = (yield* Cached.stats).refreshes - refreshes
      if (reading.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
      const [exit, detected] = yield* Fiber.join(reading)
      const source = detected.at(-1)?.source
      const told = JSON.stringify({ answer, next, kindOfExit: exit._tag, source, begun })
      const { fallback, refresh, source: said } = answer
      // Decided at random, or by a count of reads that is about to end.
      if (said === "strategy") return
      predicted[said] = (predicted[said] ?? 0) + 1
      if (source === "fallback") {
        expect({ fallback, said: /^(load|joined)$/.test(said) }, told).toEqual({ fallback: true, said: true })
      } else expect(said, told).toBe(source)
      if (refresh !== "perhaps") expect(begun, told).toBe(Number(refresh))
    })
    const run = ({ fake, other }: Partial<Effect.Success<typeof make>>) =>
      Effect.gen(function*() {
        const elsewhere = other === undefined ? undefined : yield* Layer.build(other)
        for (const { fails: isDown, kind, slow, text, what, which } of steps) {
          const id = "a"
          isSlow = slow
          fails = isDown
          const key = text ? id : new User({ id })
          if (what === "begin") yield* start(Effect.exit(read(id, text, kind)))
          else if (what === "later") yield* TestClock.adjust("3 seconds")
          else if (what === "much later") yield* TestClock.adjust("50 seconds")
          else if (what === "invalidate") yield* Cached.invalidate(key)
          else if (what === "tag") yield* Cached.invalidate({ tag: "t" })
          else if (what === "soft") yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
          else if (what === "set") yield* Cached.set(key, 2, { ttl: "15 seconds" })
          else if (what === "clear") yield* Cached.clear
          else if (what === "down") {
            const isDown = fake?.behave("get", "").before !== undefined
            if (fake !== undefined) fake.behave = () => isDown ? {} : { before: unavailable }
          } else if (what === "elsewhere") {
            if (elsewhere === undefined) continue
            const change = which === 0
              ? Cached.invalidate(key)
              : which === 1
              ? Cached.invalidate({ tag: "t" })
              : which === 2
              ? Cached.set(key, 3, { ttl: "15 seconds" })
              : Cached.clear
            yield* Effect.provide(change, elsewhere)
            // The time after which the change is known here.
            yield* TestClock.adjust("1 second")
          } else yield* check(read(id, text, what), which)
          yield* settle
        }
        yield* TestClock.adjust("10 minutes")
      })
    return Effect.scoped(Effect.flatMap(make, ({ cache, ...rest }) => within(Explanation.layer(cache), run(rest))))
  }, { arbitrary: { runs: sized(40, 15) } })
})

it("all answers were predicted", () => {
  expect(Object.keys(predicted).toSorted()).toEqual(["joined", "load", "memory", "stale", "store"])
  expect(Math.min(...Object.values(predicted))).toBeGreaterThan(sized(30, 5))
})
