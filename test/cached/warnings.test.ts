/** Warnings about functions and values of users: their text, cause and annotations, and how often they are logged. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, References, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { settle } from "../support/caches.ts"
import { made } from "../support/strategies.ts"
import { testIn } from "../support/tests.ts"

interface Warning {
  readonly text: string
  readonly cause: string | undefined
  readonly key: unknown
}

/** Runs a test in memory, and gives it the warnings that the cache has logged until now. */
const warned = <Step extends Effect.Effect<any, any, Caching.Caching>, A>(
  test: (warnings: ReadonlyArray<Warning>) => Generator<Step, A, never>
) => {
  const warnings: Array<Warning> = []
  const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
    if (logLevel !== "Warn") return
    warnings.push({
      text: String(message),
      cause: cause.reasons.length === 0 ? undefined : (Cause.squash(cause) as Error).message,
      key: fiber.getRef(References.CurrentLogAnnotations)["cache.key"]
    })
  })
  return Effect.provide(Effect.gen(() => test(warnings)), Layer.provide(CacheLayer.memory(), Logger.layer([logger])))
}

const hours = { ttl: "1 hour" } as const
const hour = made(hours)

const readWith = (part: object, key: any = "k", value: unknown = 1): Effect.Effect<unknown, never, Caching.Caching> =>
  Effect.succeed(value).pipe(Cached.withStrategy(key, { strategy: { ...hour, name: "mine", ...part } }))

const throwingHere = (): never => {
  throw new Error("here")
}
const throwingThere = (): never => {
  throw new Error("there")
}

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
class Team extends CacheKey.Class<Team>()("Team", { payload: { id: Schema.Int }, success: Schema.String }) {}

const notCached = (id: string) =>
  `The result of "${id}" is not cached: its strategy, tags function or copy threw, or gave an invalid value (see the ` +
  "cause; logged once a key class or cause)"

describe("a lifetime that is none", () => {
  it.effect.each<readonly [unknown, string]>([
    [{ softTtl: "1 hour", ttl: 1 }, "softTtl of type string"],
    [{ softTtl: NaN, ttl: 1 }, "softTtl NaN"],
    [{ softTtl: 1, ttl: -1 }, "ttl -1"],
    [{ softTtl: 1 }, "ttl of type undefined"],
    [undefined, "softTtl of type undefined"],
    [null, "softTtl of type undefined"]
  ])("%o", ([lifetime, given]) =>
    warned(function*(warnings) {
      yield* readWith({ lifetime: () => lifetime })
      yield* settle
      const cause = `The lifetime has ${given}: return { softTtl, ttl } as numbers of milliseconds, or "skip"`
      expect(warnings).toEqual([{ text: notCached("k"), cause, key: "k" }])
    }))
})

describe("a touch that is none", () => {
  it.effect.each<readonly [() => unknown, string]>([
    [() => NaN, "touch returned NaN"],
    [() => "1", "touch returned a value of type string"],
    [throwingHere, "here"]
  ])("%o", ([touch, cause]) =>
    warned(function*(warnings) {
      yield* readWith({ touch })
      yield* readWith({ touch })
      yield* settle
      const text =
        `A read of "k" does not extend its lifetime: touch of the strategy "mine" threw, or gave no number ` +
        "(see the cause; logged once a key class or cause)"
      expect(warnings).toEqual([{ text, cause, key: "k" }])
    }))
})

testIn(CacheLayer.memory()).each<readonly [unknown, string]>([
  ["Keep", `"Keep"`],
  [5, "a value of type number"],
  [undefined, "a value of type undefined"]
])("a decision that is none: %o", function*([decision, given]) {
  yield* Cached.set("k", 1)
  const exit = yield* Effect.exit(readWith({ decide: () => decision }))
  expect(Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : undefined).toBe(
    `The strategy "mine" decided ${given}: decide must return one of "Serve", "ServeAndRefresh", "LoadOrStale", "Load"`
  )
})

it.effect("a softTimeout that does nothing, because the strategy never falls back", () =>
  warned(function*(warnings) {
    const options = { ...hours, softTimeout: "1 second" } as const
    const one = Effect.succeed(1)
    yield* one.pipe(Cached.ttl("a", options))
    yield* one.pipe(Cached.withStrategy("b", { strategy: { strategy: "untilInvalidated" }, softTimeout: "1 second" }))
    yield* one.pipe(Cached.failover("c", options))
    yield* one.pipe(Cached.withStrategy("d", { strategy: { strategy: "failover", ...hours }, softTimeout: "1 second" }))
    yield* settle
    expect(warnings).toEqual([["a", "ttl"], ["b", "untilInvalidated"]].map(([key, name]) => ({
      text: `The softTimeout of "${key}" does nothing: the strategy "${name}" never falls back on a stale value. ` +
        "Use softTtl or failover, or timeout (logged once a key class or cause)",
      cause: undefined,
      key
    })))
  }))

describe("is logged once", () => {
  it.effect.each(["lifetime", "touch"])(
    "for string keys by the place that throws, whatever the key: %s",
    (name) =>
      warned(function*(warnings) {
        for (const throwing of [throwingHere, throwingThere, throwingHere]) {
          for (const key of ["a", "b"]) {
            yield* readWith({ [name]: throwing }, key)
            yield* readWith({ [name]: throwing }, key)
          }
        }
        yield* settle
        expect(warnings.map(({ cause, key }) => [cause, key])).toEqual([["here", "a"], ["there", "a"]])
      })
  )

  it.effect("for each class, each kind of warning by itself", () =>
    warned(function*(warnings) {
      for (const key of [new User({ id: 1 }), new User({ id: 2 }), new Team({ id: 1 })]) {
        yield* readWith({ lifetime: throwingHere }, key, "text")
        yield* readWith({ touch: throwingHere }, key, "text")
        yield* readWith({ touch: throwingHere }, key, "text")
        yield* Cached.set(key, 5 as never)
        yield* Cached.set(key, Stream.make(1) as never)
        yield* Effect.succeed("text").pipe(Cached.ttl(key, { ttl: "1 minute", softTimeout: "1 second" }))
        yield* Cached.remove(key)
        yield* Effect.succeed("text").pipe(Cached.ttl(key, { ttl: "1 minute", softTimeout: "1 second" }))
      }
      yield* settle
      const kinds = [
        "is not cached: its strategy",
        "does not extend",
        "no store would take it",
        "first reader",
        "softTimeout"
      ]
      const [user, team] = [new User({ id: 1 }), new Team({ id: 1 })].map((key) => CacheKey.id(key))
      for (const id of [user, team]) {
        const about = warnings.filter(({ key }) => key === id)
        expect(about.map(({ text }) => kinds.findIndex((kind) => text.includes(kind)))).toEqual([0, 1, 2, 3, 4])
        for (const { text } of about) expect(text).toMatch(/\(.*logged once a key class( or cause)?\)$/)
      }
      expect(warnings).toHaveLength(10)
    }))
})

describe("a value that is too old for the result of a load", () => {
  const inner = Effect.succeed("token").pipe(Cached.untilInvalidated("token"))
  const outer = (key: any) => inner.pipe(Cached.ttl(key, { ttl: "1 hour", inherit: "age" }))

  it.effect("is logged once a class, with both names", () =>
    warned(function*(warnings) {
      yield* inner
      yield* TestClock.adjust("2 hours")
      for (const key of ["a", "b", new User({ id: 1 }), new User({ id: 2 })]) yield* outer(key)
      yield* settle
      expect(warnings).toEqual(["a", CacheKey.id(new User({ id: 1 }))].map((id) => ({
        text: `The result of "${id}" is not cached: its load was served "token", which is older than its ttl. ` +
          `Use inherit: "life" (logged once a key class or cause)`,
        cause: undefined,
        key: id
      })))
    }))
})
