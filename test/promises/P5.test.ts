/** P5: outcomes that are never cached. */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schema } from "effect"
import { Cached, CacheKey, CachePolicy } from "effect-cached"
import { cachesAndTiers, counting } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class Down extends Schema.TaggedError<Down>()("Down", { code: Schema.Number }) {}
class Described extends CacheKey.Class<Described>()("Described", { success: Schema.Number, error: Down }) {}
class Plain extends CacheKey.Class<Plain>()("Plain", { success: Schema.Number }) {}

const kinds = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && exit.cause.reasons.map(({ _tag }) => _tag)

const always = () => true

describe("P5 · defects and interruptions are never cached, failures only when the strategy says so", () => {
  describe.each(cachesAndTiers)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test.each(
      [
        ["a defect", Effect.die("bug")],
        [
          "a thrown error",
          Effect.sync(() => {
            throw new Error("bug")
          })
        ],
        ["an interruption", Effect.interrupt],
        ["a failure with a defect beside it", Effect.failCause(Cause.combine(Cause.fail("down"), Cause.die("bug")))],
        ["two failures", Effect.failCause(Cause.combine(Cause.fail("a"), Cause.fail("b")))]
      ] as const
    )(
      "F9 · %s is not, even where `when` takes everything, and `when` is not asked about it",
      function*([, outcome]) {
        const { counts, load } = counting()
        let asked = 0
        const get = Effect.andThen(load, outcome as Effect.Effect<number, string>).pipe(
          Cached.ttl("k", { ttl: "1 hour", when: () => ++asked > 0 })
        )
        const first = yield* Effect.exit(get)
        expect(Exit.isFailure(first)).toBe(true)
        expect(kinds(yield* Effect.exit(get))).toEqual(kinds(first))
        expect(yield* Cached.has("k")).toBe(false)
        expect(counts.started).toBe(2)
        expect(asked).toBe(0)
      }
    )

    test("a failure is not by default", function*() {
      const { counts, load } = counting()
      const get = Effect.andThen(load, Effect.fail("down")).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      expect([yield* Effect.flip(get), yield* Effect.flip(get)]).toEqual(["down", "down"])
      expect(counts.started).toBe(2)
    })

    test("F14 · a failure is where `when` says so, and is a failure for every reader", function*() {
      const { counts, load } = counting()
      const get = Effect.andThen(load, Effect.fail(new Down({ code: 7 }))).pipe(
        Cached.ttl(new Described(), { ttl: "1 hour", when: always })
      )
      expect(yield* Effect.flip(get)).toEqual(new Down({ code: 7 }))
      expect(yield* Effect.flip(get)).toEqual(new Down({ code: 7 }))
      expect(counts.started).toBe(1)
      expect(yield* Cached.has(new Described())).toBe(true)
      expect(yield* Cached.getOption(new Described())).toEqual(Option.none())
    })

    test("`when` chooses among failures and values alike", function*() {
      const only = {
        ttl: "1 hour",
        when: (exit: Exit.Exit<number, string>) => Exit.isSuccess(exit) && exit.value > 1
      } as const
      const { load } = counting()
      const get = Cached.ttl(load as Effect.Effect<number, string>, "k", only)
      expect([yield* get, yield* get, yield* get]).toEqual([1, 2, 2])
    })
  })

  test.overFake("without an error schema a cached failure stays in the memory tier", function*(fake) {
    const { counts, load } = counting()
    for (const key of [new Plain(), "k"]) {
      const get = Effect.andThen(load, Effect.fail("down")).pipe(
        Cached.ttl(key as string, { ttl: "1 hour", when: always })
      )
      expect([yield* Effect.flip(get), yield* Effect.flip(get)]).toEqual(["down", "down"])
    }
    expect(counts.started).toBe(2)
    expect(fake.entries.size).toBe(0)
    expect((yield* Cached.stats).storeFailures).toBe(0)
  })

  test.withoutMemory("with an error schema a cached failure comes back from the store as it was", function*() {
    const get = Effect.fail(new Down({ code: 7 })).pipe(Cached.ttl(new Described(), { ttl: "1 hour", when: always }))
    yield* Effect.exit(get)
    const again = Effect.succeed(1).pipe(Cached.ttl(new Described(), { ttl: "1 hour" }))
    const failure = yield* Effect.flip(again)
    expect(failure).toBeInstanceOf(Down)
    expect(failure).toEqual(new Down({ code: 7 }))
  })

  test.overFake("a failure its schema does not describe stays in memory, and fails no program", function*(fake) {
    const get = Effect.fail("another" as const).pipe(Cached.ttl(new Described(), { ttl: "1 hour", when: always }))
    expect(yield* Effect.flip(get)).toBe("another")
    expect(yield* Effect.flip(CachePolicy.disable("set")(get))).toBe("another")
    expect(fake.entries.size).toBe(0)
  })
})
