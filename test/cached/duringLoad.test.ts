/** Operations of a running load: annotations, the previous value, `notModified`. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import {
  Cached,
  CacheError,
  type CacheEvent,
  CacheKey,
  CacheLayer,
  CachePolicy,
  Caching,
  type Strategy
} from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over, settle, start, started, within } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import { made } from "../support/strategies.ts"
import { test, testIn } from "../support/tests.ts"

class Page extends CacheKey.Class<Page>()("Page", { payload: { n: Schema.Int }, success: Schema.String }) {}
class Other extends CacheKey.Class<Other>()("Other", { payload: { n: Schema.Int }, success: Schema.String }) {}

const key = new Page({ n: 1 })

type Previous = Option.Option<Cached.Previous<string>>

/** An origin whose lookups record the previous `etag`, and load, or find the value still right. */
const origin = () => {
  const self = {
    version: "a",
    loads: 0,
    told: [] as Array<string | undefined>,
    previous: Option.none() as Previous,
    /** An additional effect of a lookup. */
    inside: Effect.void as Effect.Effect<unknown>,
    load: undefined as unknown as Effect.Effect<string>
  }
  self.load = Effect.gen(function*() {
    self.loads++
    const { version } = self
    self.previous = yield* Cached.previous(Page)
    const etag = Option.getOrUndefined(self.previous)?.etag
    self.told.push(etag)
    yield* self.inside
    if (etag === version) return yield* Cached.notModified
    yield* Cached.annotate({ etag: version })
    return `value ${version}`
  })
  return self
}

const after = (millis: number) => TestClock.adjust(millis)

/** The result of an effect for which no time has to pass. */
const read = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* started(effect)
    return fiber.pollUnsafe() === undefined
      ? yield* Effect.die(new Error("it waits still"))
      : yield* Fiber.join(fiber)
  })

/** Tests of a cache, which is closed while the clock moves on. */
const testsOver = (cache: (typeof caches)[number]) => {
  const inCache = <A, E>(use: Effect.Effect<A, E, Caching.Caching | Scope.Scope>) =>
    Effect.scoped(within(cache.layer(), use))
  const test = (
    title: string,
    program: () => Generator<Effect.Effect<any, any, Caching.Caching | Scope.Scope>, unknown, never>
  ) => it.effect(title, () => inCache(Effect.gen(program)))
  return { inCache, test }
}

const entryOf = (k: Page) => Effect.map(Cached.getEntry(k), Option.getOrUndefined)

const strategies = [
  ["softTtl", { strategy: "softTtl", ttl: "10 minutes", softTtl: "1 minute" }],
  ["refreshAhead", { strategy: "refreshAhead", ttl: "10 minutes", refreshAfter: "1 minute" }],
  ["failover", { strategy: "failover", ttl: "10 minutes" }]
] as const

test("a load that finds no previous value finds none again, whatever another process writes", function*() {
  const fake = fakeStore()
  const there = yield* Layer.build(Layer.fresh(over(fake)))
  const told: Array<Previous> = []
  const page = Cached.fn(Page, () =>
    Effect.gen(function*() {
      told.push(yield* Cached.previous(Page))
      yield* Effect.provide(Cached.set(key, "theirs"), there)
      told.push(yield* Cached.previous(Page))
      return "ours"
    }), { ttl: "1 hour" })
  expect(yield* Effect.provide(CachePolicy.refresh(page({ n: 1 })), over(fake))).toBe("ours")
  expect(told).toEqual([Option.none(), Option.none()])
})

for (const cache of caches) {
  describe(`inside a load, over ${cache.name}`, () => {
    const { inCache, test } = testsOver(cache)

    for (const [name, strategy] of strategies) {
      test(`${name}: previous is the stale value, notModified starts its life again`, function*() {
        const source = origin()
        const page = Cached.withStrategy(source.load, key, { strategy })
        expect(yield* read(page)).toBe("value a")
        expect(source.previous).toEqual(Option.none())
        yield* after(60_000)
        expect(yield* read(page)).toBe("value a")
        yield* settle
        const softExpiresAt = name === "failover" ? 600_000 : 60_000
        expect(source.previous).toEqual(Option.some({ value: "value a", etag: "a", createdAt: 0, softExpiresAt }))
        expect(yield* entryOf(key)).toMatchObject({
          value: "value a",
          etag: "a",
          createdAt: 60_000,
          expiresAt: 660_000
        })
        // And once more, from the renewed one.
        yield* after(590_000)
        expect(yield* read(page)).toBe("value a")
        yield* settle
        expect(source.told).toEqual([undefined, "a", "a"])
        expect((yield* entryOf(key))?.createdAt).toBe(650_000)

        source.version = "b"
        yield* after(60_000)
        yield* read(page)
        yield* settle
        yield* after(1000)
        expect(yield* read(page)).toBe("value b")
        expect((yield* entryOf(key))?.etag).toBe("b")
      })
    }

    if (cache.memory) {
      it.effect.each([
        ["maxHits", { strategy: "maxHits", hits: 1, ttl: "10 minutes" }],
        ["maxHits with refreshAfter", { strategy: "maxHits", hits: 5, refreshAfter: 1, ttl: "10 minutes" }],
        ["probabilistic", { strategy: "probabilistic", ttl: "10 minutes", beta: 1e9 }],
        ["of the user's own", {
          ...made({ strategy: "ttl", ttl: "10 minutes" }),
          decide: (_, now) => now === 5000 ? "Load" : "Serve"
        }]
      ] as ReadonlyArray<[string, Strategy.Input]>)(
        "previous is a value that a strategy no longer serves, though it is within its ttl: %s",
        ([, strategy]) =>
          inCache(Effect.gen(function*() {
            const source = origin()
            source.inside = Effect.sleep(1000)
            const page = Cached.withStrategy(source.load, key, { strategy })
            const first = yield* started(page)
            yield* after(1000)
            yield* Fiber.join(first)
            for (let i = 0; i < 2; i++) {
              yield* after(2000)
              const reader = yield* started(page)
              if (reader.pollUnsafe() === undefined) yield* after(1000)
              yield* settle
              expect(reader.pollUnsafe()).toEqual(Exit.succeed("value a"))
            }
            yield* after(1000)
            yield* settle
            expect(source.told.slice(0, 2)).toEqual([undefined, "a"])
          }))
      )
    }

    test("previous is what a refresh by its caller replaces, also where only the store has it", function*() {
      const source = origin()
      const page = Cached.fn(Page, () => source.load, { ttl: "1 hour" })
      yield* read(page({ n: 1 }))
      yield* after(1000)
      expect(yield* read(page.refresh({ n: 1 }))).toBe("value a")
      expect(source.told).toEqual([undefined, "a"])
      yield* after(1000)
      expect(yield* read(CachePolicy.refresh(page({ n: 1 })))).toBe("value a")
      expect(yield* entryOf(key)).toMatchObject({ etag: "a", createdAt: 2000, expiresAt: 3_602_000 })
      // A read that does not read the cache gets no previous value.
      yield* read(CachePolicy.disable("get")(page({ n: 1 })))
      expect(source.told).toEqual([undefined, "a", "a", undefined])
    })

    it.effect.each([
      ["ttl", { ttl: "1 hour" }],
      ["softTtl", { strategy: "softTtl", ttl: "1 hour", softTtl: "30 minutes" }],
      ["refreshAhead", { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "30 minutes" }]
    ] as ReadonlyArray<[string, Strategy.Input]>)(
      "previous is what a soft invalidation has marked as stale, and notModified makes it fresh: %s",
      ([, strategy]) =>
        inCache(Effect.gen(function*() {
          const source = origin()
          const page = Cached.withStrategy(source.load, key, { strategy, tags: ["t"] })
          yield* read(page)
          yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
          expect(yield* read(page)).toBe("value a")
          yield* settle
          expect(source.told).toEqual([undefined, "a"])
          yield* read(page)
          yield* settle
          expect(source.loads).toBe(2)
        }))
    )

    test(
      "there is no previous for what is expired, invalidated, removed by its tag, or was never there",
      function*() {
        const source = origin()
        const page = Cached.softTtl(source.load, key, { ttl: "10 minutes", softTtl: "1 minute", tags: ["t"] })
        yield* read(page)
        yield* after(600_000)
        yield* read(page)
        yield* Cached.invalidate(key)
        yield* read(page)
        yield* Cached.invalidate({ tag: "t" })
        yield* read(page)
        yield* Cached.invalidate({ all: Page })
        yield* read(page)
        yield* Cached.clear
        yield* read(page)
        expect(source.told).toEqual(Array(6).fill(undefined))
        expect(yield* read(page)).toBe("value a")
      }
    )

    test(
      "a caller that asks for copies gets one of previous too: a load that changes it changes nothing that is cached",
      function*() {
        class List extends CacheKey.Class<List>()("List", { success: Schema.mutable(Schema.Array(Schema.Int)) }) {}
        const load = Effect.gen(function*() {
          const previous = yield* Cached.previous(List)
          if (Option.isNone(previous)) return [1]
          previous.value.value.push(2)
          return yield* Effect.fail("down")
        })
        const list = Cached.softTtl(load, new List(), {
          ttl: "1 hour",
          softTtl: "1 minute",
          copy: "structured",
          fallbackOn: "all"
        })
        yield* read(list)
        yield* after(60_000)
        expect(yield* read(list)).toEqual([1])
      }
    )

    test("each of two loads, one in the other, has its own previous, and its own end", function*() {
      const seen: Array<unknown> = []
      const inner = Effect.gen(function*() {
        seen.push(["inner", Option.getOrUndefined(yield* Cached.previous(Other))?.value])
        seen.push(["inner of Page", yield* Cached.previous(Page)])
        return Option.isSome(yield* Cached.previous(Other)) ? yield* Cached.notModified : "inner"
      }).pipe(Cached.ttl(new Other({ n: 1 }), { ttl: "1 hour" }))
      const outer = Effect.gen(function*() {
        seen.push(["outer", Option.getOrUndefined(yield* Cached.previous(Page))?.value])
        seen.push(["outer of Other", yield* Cached.previous(Other)])
        return `outer, ${yield* CachePolicy.refresh(inner)}, ${seen.length}`
      }).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      expect(yield* read(outer)).toBe("outer, inner, 4")
      expect(yield* read(CachePolicy.refresh(outer))).toBe("outer, inner, 8")
      const none = Option.none()
      expect(seen).toEqual([
        ["outer", undefined],
        ["outer of Other", none],
        ["inner", undefined],
        ["inner of Page", none],
        ["outer", "outer, inner, 4"],
        ["outer of Other", none],
        ["inner", "inner"],
        ["inner of Page", none]
      ])
    })

    const nothing = Effect.gen(function*() {
      expect(yield* Cached.previous(Other)).toEqual(Option.none())
      expect(yield* Cached.previous(Page)).toEqual(Option.none())
      yield* Cached.annotate({ ttl: 0, tags: ["lost"] })
      expect(Exit.isFailure(yield* Effect.exit(Cached.notModified))).toBe(true)
      return "plain"
    })

    it.effect.each([
      ["CachePolicy.bypass", (effect) => CachePolicy.bypass(Cached.ttl(effect, new Other({ n: 2 }), { ttl: 1 }))],
      [
        "CacheLayer.disabled",
        (effect) =>
          Effect.provide(Cached.ttl(effect, new Other({ n: 2 }), { ttl: 1 }), CacheLayer.disabled, { local: true })
      ],
      ["a batch", (effect) =>
        Effect.flatMap(
          Cached.many(Other, (keys) => Effect.map(effect, (value) => keys.map(() => Exit.succeed(value))), {
            ttl: "1 hour"
          })([{ n: 2 }]).pipe(CachePolicy.refresh),
          ([exit]) => exit!
        )],
      ["a batch past the cache", (effect) =>
        Effect.flatMap(
          CachePolicy.bypass(
            Cached.many(Other, (keys) => Effect.map(effect, (value) => keys.map(() => Exit.succeed(value))), {
              ttl: "1 hour"
            })([{ n: 2 }])
          ),
          ([exit]) => exit!
        )]
    ] as Array<[string, (effect: Effect.Effect<string>) => Effect.Effect<string, never, Caching.Caching>]>)(
      "what runs past the cache in a load, or for many, has no previous and says nothing of it: %s",
      ([, past]) =>
        inCache(Effect.gen(function*() {
          yield* Cached.set(key, "old", { ttl: "1 hour" })
          yield* Cached.set(new Other({ n: 2 }), "old", { ttl: "1 hour" })
          const page = past(nothing).pipe(Cached.ttl(key, { ttl: "1 hour" }))
          expect(yield* read(CachePolicy.refresh(page))).toBe("plain")
          expect((yield* entryOf(key))?.tags.includes("lost")).toBe(false)
        }))
    )
  })
}

const handlers: Record<
  string,
  <A, E, R>(handled: () => void) => (self: Effect.Effect<A, E, R>) => Effect.Effect<any, any, R>
> = {
  catch: (handled) => Effect.catch(() => Effect.sync(handled)),
  catchCause: (handled) => Effect.catchCause(() => Effect.sync(handled)),
  catchDefect: (handled) => Effect.catchDefect(() => Effect.sync(handled)),
  "sandbox and retry": (handled) => (self) =>
    Effect.retry(Effect.tapError(Effect.sandbox(self), () => Effect.sync(handled)), { times: 3 }),
  orDie: (handled) => (self) => Effect.orDie(Effect.tapCause(self, () => Effect.sync(handled))),
  exit: (handled) => (self) => Effect.tap(Effect.exit(self), () => Effect.sync(handled)),
  "match": (handled) => Effect.matchCause({ onFailure: handled, onSuccess: handled }),
  "timeout, in another fiber": (handled) => (self) =>
    Effect.catchCause(
      Effect.timeout(Effect.catchCause(self, () => Effect.sync(handled)), "1 minute"),
      () => Effect.sync(handled)
    ),
  "a race": (handled) => (self) => Effect.catchCause(Effect.race(self, Effect.never), () => Effect.sync(handled)),
  "one of many": (handled) => (self) =>
    Effect.catchCause(Effect.all([self, Effect.never], { concurrency: 2 }), () => Effect.sync(handled)),
  "a forked fiber": (handled) => (self) =>
    Effect.catchCause(Effect.flatMap(start(self), Fiber.join), () => Effect.sync(handled)),
  "a detached fiber": (handled) => (self) =>
    Effect.catchCause(Effect.flatMap(Effect.forkDetach(self), Fiber.join), () => Effect.sync(handled)),
  "a detached fiber, which handles itself": (handled) => (self) =>
    Effect.flatMap(Effect.forkDetach(Effect.catchCause(self, () => Effect.sync(handled))), Fiber.join),
  "a value of its own": (handled) => (self) =>
    Effect.flatMap(Effect.catchCause(self, () => Effect.sync(handled)), () => Effect.succeed("mine"))
}

for (const cache of caches) {
  describe(`notModified, over ${cache.name}`, () => {
    const { inCache, test } = testsOver(cache)

    it.effect.each(Object.keys(handlers))(
      "ends the load past %s, whose handlers do not run; its finalizers do",
      (name) =>
        inCache(Effect.gen(function*() {
          let handled = 0
          const finalized: Array<string> = []
          yield* Cached.set(key, "old", { ttl: "1 minute", etag: "e" })
          yield* after(1000)
          const load = Cached.notModified.pipe(
            Effect.onExit((exit) =>
              Effect.andThen(
                Effect.yieldNow,
                Effect.sync(() => finalized.push(Exit.hasInterrupts(exit) ? "first" : "no interruption"))
              )
            ),
            handlers[name]!(() => handled++),
            Effect.ensuring(Effect.sync(() => finalized.push("last")))
          )
          const page = CachePolicy.refresh(Cached.ttl(load, key, { ttl: "1 hour" }))
          expect(yield* read(page)).toBe("old")
          expect(handled).toBe(0)
          // A fiber that the load does not wait for ends when it likes.
          expect(finalized.toSorted()).toEqual(["first", "last"])
          expect(yield* entryOf(key)).toMatchObject({ value: "old", etag: "e", createdAt: 1000, expiresAt: 3_601_000 })
          expect(yield* Cached.stats).toMatchObject({ loads: 1, loadFailures: 0, refused: 0, storeFailures: 0 })
        }))
    )

    test("ends what may not be interrupted as soon as it may", function*() {
      yield* Cached.set(key, "old", { ttl: "1 minute" })
      let handled = 0
      const load = Cached.notModified.pipe(
        Effect.ensuring(Effect.yieldNow),
        Effect.catchCause(() => Effect.succeed("inside")),
        Effect.uninterruptible,
        Effect.tap(() => Effect.sync(() => handled++))
      )
      expect(yield* read(CachePolicy.refresh(Cached.ttl(load, key, { ttl: "1 hour" })))).toBe("old")
      expect(handled).toBe(0)
      expect((yield* entryOf(key))?.expiresAt).toBe(3_600_000)
    })

    test("all waiting callers get the value that is kept", function*() {
      const source = origin()
      source.inside = Effect.sleep(1000)
      const page = Cached.softTtl(source.load, key, { ttl: "10 minutes", softTtl: "1 minute" })
      yield* started(page)
      yield* after(1000)
      yield* after(60_000)
      const readers = yield* Effect.all(Array(5).fill(start(page))) as Effect.Effect<Array<Fiber.Fiber<string>>>
      yield* settle
      yield* after(1000)
      yield* settle
      expect(readers.map((reader) => reader.pollUnsafe())).toEqual(Array(5).fill(Exit.succeed("value a")))
      expect(source.loads).toBe(2)
      expect((yield* entryOf(key))?.createdAt).toBe(62_000)
    })

    const meanwhile: Array<[string, Effect.Effect<unknown, never, Caching.Caching>, string | undefined]> = [
      ["invalidate", Cached.invalidate(key), undefined],
      ["invalidateTag", Cached.invalidate({ tag: "t" }), undefined],
      ["invalidateTag of one that only the load has named", Cached.invalidate({ tag: "late" }), undefined],
      ["invalidateAll", Cached.invalidate({ all: Page }), undefined],
      ["clear", Cached.clear, undefined],
      ["set", Cached.set(key, "set", { ttl: "1 hour" }), "set"]
    ]
    for (const told of ["before", "after"]) {
      it.effect.each(meanwhile)(
        `%s between previous and notModified, ${told} previous: waiting callers get the value, and it is not stored`,
        ([, change, left]) =>
          inCache(Effect.gen(function*() {
            const gate = yield* Deferred.make<void>()
            let loads = 0
            const load = Effect.gen(function*() {
              if (loads++ === 0) {
                yield* Cached.annotate({ tags: ["late"] })
                return "old"
              }
              if (told === "after") yield* Effect.andThen(Effect.yieldNow, Cached.previous(Page))
              else expect(Option.isSome(yield* Cached.previous(Page))).toBe(true)
              yield* Deferred.await(gate)
              return yield* Cached.notModified
            })
            const page = Cached.ttl(load, key, { ttl: "1 hour", tags: ["t"] })
            yield* read(page)
            const reader = yield* started(CachePolicy.refresh(page))
            yield* read(change)
            yield* Deferred.succeed(gate, undefined)
            yield* settle
            expect(reader.pollUnsafe()).toEqual(Exit.succeed("old"))
            expect((yield* entryOf(key))?.value).toBe(left)
          }))
      )
    }

    it.effect.each(
      [
        ["invalidate", Cached.invalidate(key)],
        ["invalidateTag", Cached.invalidate({ tag: "t" })],
        ["clear", Cached.clear]
      ] as const
    )("%s before the load asks: there is no previous to tell", ([, change]) =>
      inCache(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const told: Array<boolean> = []
        const load = Effect.gen(function*() {
          if (told.length > 0) yield* Deferred.await(gate)
          told.push(Option.isSome(yield* Cached.previous(Page)))
          return `value ${told.length}`
        })
        const page = Cached.softTtl(load, key, { ttl: "10 minutes", softTtl: "1 minute", tags: ["t"] })
        yield* read(page)
        yield* after(60_000)
        const reader = yield* started(page)
        yield* read(change)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(reader.pollUnsafe()).toEqual(Exit.succeed("value 2"))
        expect(told).toEqual([false, false])
      })))

    test(
      "a caller that comes after a tag of the kept value was invalidated gets a new one, stored or not",
      function*() {
        const gate = yield* Deferred.make<void>()
        let loads = 0
        const load = Effect.gen(function*() {
          if (++loads !== 2) return yield* Effect.as(Cached.annotate({ tags: ["late"] }), `value ${loads}`)
          yield* Cached.previous(Page)
          yield* Deferred.await(gate)
          yield* Cached.annotate({ ttl: 0 })
          return yield* Cached.notModified
        })
        const page = CachePolicy.refresh(Cached.ttl(load, key, { ttl: "1 hour" }))
        yield* read(page)
        const before = yield* started(page)
        yield* read(Cached.invalidate({ tag: "late" }))
        const late = yield* started(page)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(before.pollUnsafe()).toEqual(Exit.succeed("value 1"))
        expect(late.pollUnsafe()).toEqual(Exit.succeed("value 3"))
      }
    )

    test("a refresh whose finalizers do not end in time has failed, and keeps nothing", function*() {
      const source = origin()
      const page = Cached.refreshAhead(source.load, key, { ttl: "1 hour", refreshAfter: "1 minute" })
      yield* read(page)
      yield* after(60_000)
      const hanging = Cached.refreshAhead(Effect.ensuring(Cached.notModified, Effect.sleep("2 minutes")), key, {
        ttl: "1 hour",
        refreshAfter: "1 minute"
      })
      yield* read(hanging)
      yield* settle
      yield* after(120_000)
      yield* settle
      expect(yield* entryOf(key)).toMatchObject({ value: "value a", createdAt: 0 })
      expect(yield* Cached.stats).toMatchObject({ loads: 2, loadFailures: 1 })
    })

    test("is a defect that says what to do where there is nothing to keep, and nothing is stored", function*() {
      const page = Cached.ttl(Cached.notModified, key, { ttl: "1 hour" })
      const exit = yield* read(Effect.exit(page))
      expect(exit).toEqual(Exit.die(expect.any(CacheError.CacheConfigError)))
      expect(String(exit)).toContain("Check Cached.previous first")
      expect(yield* read(Cached.has(key))).toBe(false)
      expect(String(yield* Effect.exit(Cached.notModified))).toContain("outside a load")
      // A failure that is stored is no value to keep.
      const failed = Cached.ttl(Effect.fail("down"), "k", { ttl: "1 hour", when: () => true })
      yield* read(Effect.exit(failed))
      const kept = Cached.ttl(Cached.notModified, "k", { ttl: "1 hour" })
      expect(String(yield* read(Effect.exit(CachePolicy.refresh(kept))))).toContain("Check Cached.previous first")
    })

    test("keeps the value that previous has returned, also when it expires during the load", function*() {
      const source = origin()
      const page = Cached.softTtl(source.load, key, { ttl: "2 minutes", softTtl: "1 minute" })
      yield* read(page)
      source.inside = Effect.sleep("90 seconds")
      yield* after(60_000)
      const reader = yield* started(page)
      yield* after(90_000)
      yield* settle
      expect(reader.pollUnsafe()).toEqual(Exit.succeed("value a"))
      expect((yield* entryOf(key))?.createdAt).toBe(150_000)
    })

    test("asks functions of the outcome about the value that is kept", function*() {
      const source = origin()
      const asked: Array<unknown> = []
      const page = Cached.softTtl(source.load, key, {
        softTtl: "1 minute",
        when: (exit) => asked.push(["when", Exit.isSuccess(exit) && exit.value]) > 0,
        ttl: (exit) => asked.push(["ttl", Exit.isSuccess(exit) && exit.value]) > 2 ? "3 minutes" : "2 minutes",
        tags: (exit) => [Exit.isSuccess(exit) ? exit.value : "failed"],
        minLoad: "0 millis"
      })
      source.inside = Effect.sleep(10)
      const once = Effect.gen(function*() {
        const reader = yield* started(page)
        yield* after(10)
        yield* settle
        return reader.pollUnsafe()
      })
      yield* once
      yield* after(60_000)
      // `minLoad` keeps what is loaded too quickly out of the cache, not what is renewed quickly
      source.inside = Effect.void
      expect(yield* once).toEqual(Exit.succeed("value a"))
      expect(asked).toEqual([["when", "value a"], ["ttl", "value a"], ["when", "value a"], ["ttl", "value a"]])
      const entry = yield* entryOf(key)
      expect(entry).toMatchObject({ createdAt: 60_010, expiresAt: 240_010 })
      expect(entry?.tags).toContain("value a")
    })

    test("keeps ETag and tags, unless the load has named others", function*() {
      const says: Array<Cached.Annotations> = [
        { etag: "1", tags: ["a"] },
        {},
        { etag: "2" },
        { tags: ["b"] },
        { ttl: "5 minutes" }
      ]
      const load = Effect.gen(function*() {
        yield* Cached.annotate(says.shift()!)
        return Option.isSome(yield* Cached.previous(Page)) ? yield* Cached.notModified : "value"
      })
      const page = Cached.ttl(load, key, { ttl: "1 hour", tags: ["t"] })
      const own = (yield* Effect.andThen(Cached.set(key, "", { tags: [] }), entryOf(key)))!.tags
      yield* Cached.invalidate(key)
      const known = Effect.map(
        Effect.andThen(read(CachePolicy.refresh(page)), entryOf(key)),
        (entry) => [entry!.etag, entry!.tags.filter((tag) => !own.includes(tag)).join(), entry!.expiresAt]
      )
      expect(yield* known).toEqual(["1", "t,a", 3_600_000])
      expect(yield* known).toEqual(["1", "t,a", 3_600_000])
      expect(yield* known).toEqual(["2", "t,a", 3_600_000])
      expect(yield* known).toEqual(["2", "t,b", 3_600_000])
      expect(yield* known).toEqual(["2", "t,b", 300_000])
      yield* Cached.invalidate({ tag: "a" })
      expect(yield* Cached.has(key)).toBe(true)
      yield* Cached.invalidate({ tag: "b" })
      expect(yield* Cached.has(key)).toBe(false)
    })

    test("stores the value when its caller leaves while the load ends", function*() {
      yield* after(1000)
      yield* Cached.set(key, "old", { ttl: "1 minute" })
      const page = Cached.ttl(Effect.ensuring(Cached.notModified, Effect.sleep(1000)), key, { ttl: "1 hour" })
      const reader = yield* started(CachePolicy.refresh(page))
      yield* after(100)
      yield* Fiber.interrupt(reader)
      yield* after(900)
      yield* settle
      expect(yield* entryOf(key)).toMatchObject({ value: "old", createdAt: 2000 })
    })

    test("a caller that leaves before it ends the load: nothing is renewed", function*() {
      yield* Cached.set(key, "old", { ttl: "1 minute" })
      const load = Cached.previous(Page).pipe(Effect.andThen(Effect.sleep(1000)), Effect.andThen(Cached.notModified))
      const reader = yield* started(CachePolicy.refresh(Cached.ttl(load, key, { ttl: "1 hour" })))
      yield* Fiber.interrupt(reader)
      yield* after(1000)
      expect(yield* entryOf(key)).toMatchObject({ value: "old", expiresAt: 60_000 })
    })

    test("events say so; a refresh in the background is not tried again, nor logged as failed", function*() {
      const caching = listenersOf(yield* Caching.Caching)
      const events: Array<CacheEvent.CacheEvent> = []
      caching.listen((event) => events.push(event))
      const source = origin()
      const page = Cached.refreshAhead(source.load, key, { ttl: "10 minutes", refreshAfter: "1 minute" })
      yield* read(page)
      yield* after(60_000)
      source.inside = Effect.sleep(10)
      yield* read(page)
      yield* settle
      yield* after(10)
      yield* settle
      yield* after(10_000)
      expect(source.loads).toBe(2)
      const loads = events.filter((event) => event._tag === "Load")
      expect(loads.map(({ millis, outcome, refresh }) => [outcome, refresh, millis])).toEqual([
        ["success", false, 0],
        ["notModified", true, 10]
      ])
      expect(events.some(({ _tag }) => _tag === "Refused")).toBe(false)
      expect(yield* Cached.stats).toMatchObject({ loads: 2, refreshes: 1, loadFailures: 0 })
      // The next read that is due refreshes again: nothing holds it off.
      yield* after(60_000)
      yield* read(page)
      yield* after(10)
      expect(source.loads).toBe(3)
    })

    test("an operation that has left the load is too late to end it", function*() {
      yield* Cached.set(key, "old", { ttl: "1 minute" })
      let late: Exit.Exit<unknown, unknown> | undefined
      const load = Effect.gen(function*() {
        yield* Cached.previous(Page)
        yield* Effect.forkDetach(
          Effect.sleep(10).pipe(
            Effect.andThen(Cached.annotate({ etag: "late" })),
            Effect.andThen(Cached.notModified),
            Effect.onExit((exit) => Effect.sync(() => late = exit))
          ),
          { startImmediately: true }
        )
        return "new"
      })
      expect(yield* read(CachePolicy.refresh(Cached.ttl(load, key, { ttl: "1 hour" })))).toBe("new")
      yield* after(10)
      expect(String(late)).toContain("has ended")
      expect(yield* entryOf(key)).toMatchObject({ value: "new", etag: undefined })
    })

    test("under readOnly a waiting caller gets the value, and nothing is written", function*() {
      const source = origin()
      const page = Cached.failover(source.load, key, { ttl: "10 minutes" })
      yield* read(page)
      yield* after(1000)
      expect(yield* read(CachePolicy.disable("set")(page))).toBe("value a")
      expect(source.told).toEqual([undefined, "a"])
      expect((yield* entryOf(key))?.createdAt).toBe(0)
    })

    testIn()("closing the cache ends a load that ends itself", function*() {
      yield* after(1)
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(cache.layer(), scope)
      const page = Effect.provide(
        CachePolicy.refresh(
          Cached.ttl(Effect.ensuring(Cached.notModified, Effect.sleep("1 minute")), key, { ttl: "1 hour" })
        ),
        context
      )
      yield* Effect.provide(Cached.set(key, "old", { ttl: "1 hour" }), context)
      const reader = yield* started(page)
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* after(10_000)
      yield* settle
      expect(closing.pollUnsafe()).toEqual(Exit.void)
      expect(String(reader.pollUnsafe())).toContain("CacheClosed")
      yield* after(60_000)
    })
  })
}
