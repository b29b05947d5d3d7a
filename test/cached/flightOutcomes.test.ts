/** The end of a flight: the outcome that its callers get, and the part of it that the cache keeps. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, References, Schema, Stream } from "effect"
import { Cached, CacheKey, type Strategy } from "effect-cached"
import { caches, settle, start } from "../support/caches.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: {},
  success: Schema.String,
  error: Schema.String,
  tags: () => ["weather"]
}) {}

const key = new Report({})

const outcomes = {
  value: Exit.succeed("sunny"),
  failure: Exit.fail("down"),
  defect: Exit.die("broken"),
  interruption: Exit.interrupt(7),
  "failure and defect": Exit.failCause(Cause.combine(Cause.fail("down"), Cause.die("broken")))
} satisfies Record<string, Exit.Exit<string, string>>

const lifetimes = {
  "an hour": () => "1 hour" as const,
  nothing: () => 0,
  NaN: () => NaN,
  "what throws": (): number => {
    throw new Error("no lifetime")
  }
}

const conditions = { "by default": undefined, always: () => true, never: () => false }

/** While the load runs. */
const meanwhiles = {
  nothing: Effect.void,
  "its invalidation": Cached.invalidate(key),
  "its tag's invalidation": Cached.invalidate({ tag: "weather" }),
  "another tag's invalidation": Cached.invalidate({ tag: "traffic" }),
  "its tag is made stale": Cached.invalidate({ tag: "weather" }, { mode: "soft" }),
  "everything's removal": Cached.clear,
  "a set": Cached.set(key, "set", { ttl: "1 hour" })
}

interface Case {
  readonly outcome: keyof typeof outcomes
  readonly lifetime: keyof typeof lifetimes
  readonly condition: keyof typeof conditions
  readonly meanwhile: keyof typeof meanwhiles
}

type Kept = "nothing" | "the set value" | "the value" | "the stale value" | "the failure" | "the stale failure"

/** The whole rule. */
const keptOf = ({ condition, lifetime, meanwhile, outcome }: Case): Kept => {
  if (meanwhile === "a set") return "the set value"
  if (meanwhile.startsWith("its") && meanwhile !== "its tag is made stale") return "nothing"
  if (meanwhile === "everything's removal" || lifetime !== "an hour" || condition === "never") return "nothing"
  const stale = meanwhile === "its tag is made stale" ? "stale " : ""
  if (outcome === "value") return `the ${stale}value`
  return outcome === "failure" && condition === "always" ? `the ${stale}failure` : "nothing"
}

const keys = <A extends object>(record: A) => Object.keys(record) as Array<keyof A>

const cases: ReadonlyArray<Case> = keys(outcomes).flatMap((outcome) =>
  keys(lifetimes).flatMap((lifetime) =>
    keys(conditions).flatMap((condition) =>
      keys(meanwhiles).map((meanwhile) => ({ outcome, lifetime, condition, meanwhile }))
    )
  )
)

/** The entry in the cache. */
const look = Effect.map(Stream.runCollect(Cached.entries()), (entries): Kept => {
  const [entry] = entries
  if (entry === undefined) return "nothing"
  const stale = entry.softExpiresAt === -Infinity ? "stale " : ""
  return entry.outcome === "success" ? `the ${stale}value` : `the ${stale}failure`
})

describe.each(caches.filter(({ memory }) => memory))("over $name", (cache) => {
  it.effect.each(keys(outcomes))(
    "%s: all waiting callers get it, whatever is kept of it",
    (outcome) =>
      Effect.gen(function*() {
        for (const one of cases.filter((one) => one.outcome === outcome)) {
          const end = yield* Deferred.make<string, string>()
          const read = Deferred.await(end).pipe(
            Cached.ttl(key, { ttl: lifetimes[one.lifetime], when: conditions[one.condition] })
          )
          const results = yield* Effect.gen(function*() {
            const callers = yield* Effect.forEach([1, 2, 3], () => start(Effect.exit(read)))
            yield* settle
            yield* meanwhiles[one.meanwhile]
            yield* Deferred.done(end, outcomes[outcome])
            yield* settle
            const exits = yield* Effect.forEach(callers, Fiber.join)
            const value = yield* Cached.getOption(key)
            const kept = Option.contains("set")(value) ? "the set value" as const : yield* look
            return { exits, kept }
          }).pipe(Effect.provide(cache.layer()))
          expect({ ...one, ...results }).toEqual({
            ...one,
            exits: [outcomes[outcome], outcomes[outcome], outcomes[outcome]],
            kept: keptOf(one)
          })
        }
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  const lasting = (ttl: number): Strategy.Strategy => ({
    name: "lasting",
    decide: () => "Load",
    lifetime: () => ({ softTtl: ttl, ttl })
  })

  it.effect("an outcome to which a strategy of one's own gives no lifetime replaces no entry", () =>
    Effect.gen(function*() {
      yield* Cached.set("other", 1, { ttl: "1 hour" })
      yield* Effect.succeed("sunny").pipe(Cached.withStrategy(key, { strategy: lasting(0) }))
      expect((yield* Cached.stats).evictions).toBe(0)
    }).pipe(Effect.provide(cache.layer({ capacity: 1 }))))

  it.effect("an outcome that is refused, or has an invalid lifetime, is counted", () =>
    Effect.gen(function*() {
      yield* Effect.as(Cached.invalidate({ tag: "late" }), "sunny").pipe(
        Cached.ttl(key, { ttl: "1 hour", tags: () => ["late"] })
      )
      expect(yield* Cached.stats).toMatchObject({ refused: 1, notStored: 0 })
      yield* Effect.succeed("sunny").pipe(Cached.withStrategy("k", { strategy: lasting(NaN) }))
      expect(yield* Cached.stats).toMatchObject({ refused: 1, notStored: 1 })
    }).pipe(Effect.provide(cache.layer()), Effect.provideService(References.MinimumLogLevel, "None")))
})
