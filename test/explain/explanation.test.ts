/** Explanations: why an id is gone, by which process, and their text. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { CacheConfigError, StoreError } from "effect-cached/CacheError"
import { Explanation, report } from "effect-cached/explain"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { fakeStore, over, settle, start, within } from "../support/caches.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const ttl = (
  key: string,
  load: Effect.Effect<unknown, string, Caching.Caching> = Effect.succeed(1),
  more: object = {}
) => load.pipe(Cached.ttl(key, { ttl: "1 hour", ...more }))

/** The lines about an id, without those about reads. */
const said = (subject: string | Effect.Effect<unknown, unknown, Caching.Caching>) =>
  Effect.map(Explanation.of(subject as string), (explanation) => {
    const [first, ...rest] = explanation.text.split("\n")
    return [first!.replace(/,? \d{4}-.*/, ""), ...rest.slice(0, rest.indexOf("  a read")).map((line) => line.trim())]
  })

const kept = (cache = CacheLayer.memory(), options?: Parameters<typeof Explanation.layer>[1]) =>
  Explanation.layer(cache, options)

describe("what is gone says why", () => {
  it.effect("expired", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      yield* TestClock.adjust("2 hours")
      expect((yield* said("a"))[1]).toContain("memory: cached 00:00:00 (2h ago); expired 01:00:00 (1h ago); ")
      // Expired entries leave memory while the cache is used.
      yield* Cached.stats
      expect(yield* said("a")).toEqual(["a is gone", "history: expired 01:00:00 (1h ago)"])
    }).pipe(Effect.provide(kept())))

  it.effect("evicted", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      yield* ttl("b")
      expect(yield* said("a")).toEqual(["a is gone", "history: evicted 00:00:00 (now), the cache is full"])
    }).pipe(Effect.provide(kept(CacheLayer.memory({ capacity: 1 })))))

  it.effect("invalidated by key", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      yield* Cached.invalidate("a")
      yield* TestClock.adjust("1 minute")
      expect(yield* said("a")).toEqual(["a is gone", "history: invalidated 00:00:00 (1m ago) by this process"])
    }).pipe(Effect.provide(kept())))

  it.effect("invalidated by tag, before and after it has left memory", () =>
    Effect.gen(function*() {
      const user = ttl("a", Effect.succeed(1), { tags: ["other", "users"] })
      yield* user
      yield* TestClock.adjust("1 minute")
      yield* Cached.invalidate({ tag: "users" })
      const [status, memory, tag] = yield* said("a")
      expect(status).toBe("a is gone")
      expect(memory).toContain("not used, because a tag was invalidated")
      expect(tag).toBe("tag users: invalidated 00:01:00 (now) by this process")
      yield* TestClock.adjust("1 minute")
      expect(yield* Cached.getOption("a")).toMatchObject({ _tag: "None" })
      expect(yield* said("a")).toEqual([
        "a is gone",
        "history: invalidated 00:01:00 (1m ago): tag users, by this process"
      ])
    }).pipe(Effect.provide(kept())))

  it.effect("by another process: a tag, a key, everything", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const disk = () => Layer.orDie(Layer.fresh(CacheLayer.disk({ directory })))
      const other = yield* Layer.build(disk())
      yield* Effect.gen(function*() {
        for (const key of ["a", "b", "c"]) yield* ttl(key, Effect.succeed(1), { tags: key === "a" ? ["users"] : [] })
        yield* Effect.provide(Cached.invalidate({ tag: "users" }), other)
        yield* Effect.provide(Cached.invalidate("b"), other)
        yield* TestClock.adjust("1 second")
        expect((yield* said("a"))[2]).toMatch(/^tag users: invalidated 00:00:0\S+ \(\S+ ago\) by another process$/)
        expect((yield* said("b"))[1]).toMatch(/^history: changed 00:00:0\S+ \(\S+ ago\) by another process$/)
        yield* Effect.provide(Cached.set("d", 1, { tags: ["soft"] }), other)
        yield* Cached.getOption("d")
        yield* Effect.provide(Cached.invalidate({ tag: "soft" }, { mode: "soft" }), other)
        yield* TestClock.adjust("1 second")
        expect((yield* said("d"))[0]).toBe("d is stale")
        expect((yield* said("d"))[2]).toMatch(/^tag soft: invalidated softly .* by another process$/)
        yield* Effect.provide(Cached.clear, other)
        yield* TestClock.adjust("1 second")
        expect((yield* said("c"))[1]).toMatch(/^history: the cache was cleared .* by another process$/)
      }).pipe(Effect.provide(kept(disk())))
    }))

  it.effect("by this process, also if the store reports its own invalidation to it", () =>
    Effect.gen(function*() {
      const near = MemoryStore.make()
      const reports = yield* Queue.unbounded<Store.Change>()
      const told = (tags: ReadonlyArray<string>) =>
        Queue.offerAll(reports, tags.map((tag) => ({ _tag: "TagChanged", tag }) as const))
      const store: Store.Store = {
        ...near,
        capabilities: { ...near.capabilities, shared: true, changes: true },
        changes: Stream.fromQueue(reports),
        changesUnsafe: undefined,
        invalidateTags: (tags, mode) => Effect.tap(near.invalidateTags(tags, mode), () => told(tags))
      }
      const cache = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, store))
      yield* Effect.gen(function*() {
        yield* ttl("a", Effect.succeed(1), { tags: ["users"] })
        yield* Cached.invalidate({ tag: "users" })
        yield* settle
        yield* TestClock.adjust("10 seconds")
        expect((yield* said("a"))[2]).toBe("tag users: invalidated 00:00:00 (10s ago) by this process")
        yield* ttl("a", Effect.succeed(1), { tags: ["users"] })
        yield* told(["users"])
        yield* settle
        expect((yield* said("a")).find((line) => line.startsWith("tag"))).toContain("(now) by another process")
      }).pipe(Effect.provide(kept(cache)))
    }))

  it.effect("cleared", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      yield* Cached.clear
      expect(yield* said("a")).toEqual(["a is gone", "history: the cache was cleared 00:00:00 (now) by this process"])
      expect((yield* Explanation.of("b")).status).toBe("neverSeen")
    }).pipe(Effect.provide(kept())))

  it.effect("not stored: an invalidation came during its load", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const slow = ttl("a", Effect.as(Deferred.await(gate), 1))
      const reading = yield* start(slow)
      yield* Cached.invalidate("a")
      const facts = (yield* Explanation.of(slow)).facts
      expect(facts).toContainEqual({
        _tag: "Flight",
        phase: "Loading",
        startedAt: 0,
        callers: 1,
        refresh: false,
        joinable: false
      })
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(reading.pollUnsafe()).toBeDefined()
      expect(yield* said("a")).toEqual([
        "a is gone",
        "history: not stored 00:00:00 (now): an invalidation came during its load"
      ])
    }).pipe(Effect.provide(kept())))

  it.effect("not stored: its load failed, its strategy says so, or its ttl is invalid", () =>
    Effect.gen(function*() {
      yield* Effect.exit(ttl("failed", Effect.fail("no")))
      yield* Fiber.interrupt(yield* start(ttl("interrupted", Effect.never)))
      yield* settle
      yield* ttl("skipped", Effect.succeed(1), { ttl: () => 0 })
      yield* ttl("invalid", Effect.succeed(1), { ttl: () => NaN })
      yield* ttl("quick", Effect.succeed(1), { minLoad: "1 second" })
      expect((yield* said("failed"))[1]).toBe("history: not stored: its load failed 00:00:00 (now)")
      expect((yield* said("interrupted"))[1]).toBe("history: not stored: its load was interrupted 00:00:00 (now)")
      expect((yield* said("skipped"))[1]).toContain("its strategy, a ttl of 0 or minLoad says so")
      expect((yield* said("quick"))[1]).toContain("its strategy, a ttl of 0 or minLoad says so")
      expect((yield* said("invalid"))[1]).toContain("threw or gave a wrong value")
      // A value that is stored after all has no such past.
      yield* ttl("failed")
      expect((yield* Explanation.of("failed")).facts.map(({ _tag }) => _tag)).toEqual(["Memory"])
    }).pipe(Effect.provide(kept())))

  it.effect("without memory: expired, or no longer in the store", () => {
    const fake = fakeStore()
    return within(
      kept(over(fake, { memory: false })),
      Effect.gen(function*() {
        yield* ttl("a")
        yield* ttl("b")
        expect((yield* said("b")).join()).not.toContain("does not have it")
        fake.entries.delete("b")
        expect((yield* said("b"))[1]).toBe("history: cached 00:00:00 (now), but the store does not have it")
        yield* TestClock.adjust("2 hours")
        expect((yield* said("a"))[1]).toBe("history: expired 01:00:00 (1h ago)")
      })
    )
  })

  it.effect("no longer known: its place was overwritten", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 100; i++) {
        yield* ttl(`key:${i}`)
        yield* Cached.invalidate(`key:${i}`)
      }
      expect(yield* said("key:0")).toEqual([
        "key:0 is not cached",
        "history: no longer known: its place was overwritten"
      ])
      expect((yield* Explanation.of("key:99")).status).toBe("gone")
    }).pipe(Effect.provide(kept(CacheLayer.memory(), { history: 8 }))))

  it.effect("never seen, or without a history not known", () =>
    Effect.gen(function*() {
      expect((yield* Effect.provide(said("a"), kept()))[0]).toBe("a is new to this process")
      const none = yield* Effect.provide(said("a"), kept(CacheLayer.memory(), { history: 0 }))
      expect(none).toEqual(["a is not cached", "history: none: with Explanation.layer it says why an id is gone"])
    }))
})

describe("the facts", () => {
  it.effect("of a store that does not answer, and of what it has not acknowledged", () => {
    const fake = fakeStore()
    const down = Effect.fail(new StoreError({ store: "fake", operation: "any", reason: "Unavailable" }))
    return within(
      kept(over(fake)),
      Effect.gen(function*() {
        const user = ttl("a", Effect.succeed(1), { tags: ["users"] })
        yield* user
        fake.behave = () => ({ before: down })
        expect(yield* said(user)).toContain("store fake: failed: it is unavailable")
        yield* Cached.invalidate("a")
        const facts = yield* said(user)
        expect(facts).toContain("store fake: not asked, because it has not acknowledged a change")
        expect(facts).toContain("pending: the store has not acknowledged an invalidation of this key; it is sent again")
        fake.behave = () => ({})
      })
    )
  })

  it.effect("of stored entries that cannot be used, without counting them as damaged", () => {
    const fake = fakeStore()
    return within(
      kept(over(fake, { memory: false })),
      Effect.gen(function*() {
        class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}
        const user = Effect.succeed(1).pipe(Cached.ttl(new User({ id: 1 }), { ttl: "1 hour" }))
        yield* user
        const [[id, stored]] = [...fake.entries] as [[string, CacheEntry.Stored]]
        const broken = [
          { state: "foreign", entry: { ...stored, meta: { ...stored.meta, serializer: 99 } } },
          { state: "undecodable", entry: { ...stored, payload: new Uint8Array([255, 255]) } },
          { state: "expired", entry: { ...stored, meta: { ...stored.meta, expiresAt: 0 } } },
          {
            state: "invalidated",
            entry: { ...stored, meta: { ...stored.meta, tags: [{ tag: "~User", version: "0".repeat(24) }] } }
          }
        ]
        for (const { entry, state } of broken) {
          fake.entries.set(id, entry)
          const { facts, next, status } = yield* Explanation.of(user)
          expect([status, facts.find((fact) => fact._tag === "Store")?.state, next[0]!.source]).toEqual([
            "gone",
            state,
            "load"
          ])
          expect((yield* Cached.stats).storeFailures).toBe(0)
          expect(fake.entries.get(id)).toBe(entry)
        }
      })
    )
  })

  it.effect("ask the store for as long as a read does", () => {
    const fake = fakeStore()
    return within(
      kept(over(fake, { storeTimeout: "300 millis" })),
      Effect.gen(function*() {
        fake.behave = () => ({ before: Effect.never })
        const explaining = yield* start(said("a"))
        yield* TestClock.adjust("299 millis")
        expect(explaining.pollUnsafe()).toBeUndefined()
        yield* TestClock.adjust("2 millis")
        expect(explaining.pollUnsafe()).toMatchObject({
          value: expect.arrayContaining(["store fake: failed: it did not answer in time"])
        })
        fake.behave = () => ({})
      })
    )
  })

  it.effect("of pauses, the circuit and the strategy", () => {
    const fake = fakeStore()
    return within(
      kept(over(fake)),
      Effect.gen(function*() {
        let fails = false
        const load = Effect.suspend(() => fails ? Effect.fail("down") : Effect.succeed(1))
        const soft = load.pipe(
          Cached.softTtl("a", { ttl: "1 hour", softTtl: "1 minute", retryAfter: "10 seconds", fallbackOn: "all" })
        )
        yield* soft
        yield* TestClock.adjust("2 minutes")
        fails = true
        yield* soft
        expect(yield* said(soft)).toContain(
          "pause: a load failed; a stale value is served without another until 00:02:10 (in 10s)"
        )
        expect(yield* said(soft)).toContain("strategy: softTtl")
        expect((yield* Explanation.of(soft)).next.map(({ at, fallback, source }) => [at, source, fallback])).toEqual([
          [120_000, "stale", false],
          [130_000, "load", true],
          [3_600_000, "load", false]
        ])
        fake.behave = () => ({ before: Effect.never })
        for (let i = 0; i < 3; i++) {
          yield* start(Cached.getOption(`other ${i}`))
          yield* TestClock.adjust("1 second")
        }
        expect(yield* said(soft)).toContainEqual(expect.stringMatching(/^circuit: open after timeouts/))
        fake.behave = () => ({})
      })
    )
  })

  it.effect("of disabled, closed and bypassed caches", () =>
    Effect.gen(function*() {
      const subject = ttl("a")
      expect(yield* Effect.provide(said(subject), CacheLayer.disabled)).toContain("cache: this cache is disabled")
      const cache = kept()
      expect(yield* Effect.provide(CachePolicy.bypass(said(subject)), cache)).toContain(
        "cache: a policy or an open SQL transaction bypasses the cache here"
      )
      const readNothing = cache.pipe(CacheLayer.withDisabled(["get"]))
      const { next } = yield* Effect.provide(Effect.andThen(subject, Explanation.of(subject)), readNothing)
      expect(next.map(({ source }) => source)).toEqual(["load"])
      const closed = yield* Effect.scoped(Effect.tap(Layer.build(kept()), (cache) => Effect.provide(subject, cache)))
      expect(yield* Effect.provide(said(subject), closed)).toContain("cache: this cache is closed")
      const after = yield* Effect.provide(Explanation.of(subject), closed)
      expect(after.next.map(({ source }) => source)).toEqual(["memory", "defect"])
      expect(Exit.isSuccess(yield* Effect.provide(Effect.exit(subject), closed))).toBe(true)
    }))

  it.effect("of keys, cached functions, and effects with the strategy of the layer", () =>
    Effect.gen(function*() {
      class User extends CacheKey.Class<User>()("User", {
        payload: { id: Schema.Int },
        success: Schema.Int,
        indexes: ["id"],
        tags: ["people"]
      }) {}
      const user = Cached.fn(User, ({ id }) => Effect.succeed(id), { ttl: "1 hour" })
      const named = Effect.succeed(1).pipe(Cached.withStrategy("named"))
      yield* Effect.all([user({ id: 1 }), named])
      for (const explained of [yield* Explanation.of(user({ id: 1 })), yield* Explanation.of(user.key({ id: 1 }))]) {
        expect(explained).toMatchObject({ status: "fresh", keyClass: "User" })
        expect(explained.text).toContain("; class User, class User:id=1,, tag people")
      }
      expect((yield* said(named)).at(-1)).toBe("strategy: refreshAhead")
      yield* Cached.invalidate({ all: User })
      expect((yield* Explanation.of(user({ id: 1 }))).text).toContain("class User: invalidated")
    }).pipe(Effect.provide(
      kept(CacheLayer.memory({ strategy: { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" } }))
    )))

  it.effect("of reads that die: a strategy that throws, or an invalid option", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      const decide = () => {
        throw new Error("boom")
      }
      const lifetime = () => ({ softTtl: 1000, ttl: 1000 })
      const throws = Effect.succeed(1).pipe(
        Cached.withStrategy("a", { strategy: { name: "throws", decide, lifetime } })
      )
      for (
        const effect of [
          throws,
          ttl("a", Effect.succeed(1), { ttl: "no time" }),
          ttl("b", Effect.succeed(1), { ttl: -1 })
        ]
      ) {
        const { next } = yield* Explanation.of(effect)
        expect([next[0]!.source, (yield* Effect.exit(effect))._tag]).toEqual(["defect", "Failure"])
      }
      const ofItself = yield* ttl("self", Effect.flatMap(Explanation.of("self"), ({ next }) => Effect.succeed(next)))
      expect(ofItself).toMatchObject([{ source: "defect" }])
    }).pipe(Effect.provide(kept())))

  it.effect("of derived entries name the entry that has changed", () =>
    Effect.gen(function*() {
      const part = ttl("part")
      const whole = ttl("whole", Effect.asVoid(part), { inherit: "changes" } as const)
      yield* whole
      yield* Cached.set("part", 2)
      expect((yield* said(whole)).join("\n")).toContain("the entry part: invalidated")
    }).pipe(Effect.provide(kept())))

  it.effect("say that a read inside a transaction sees the cache outside", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      expect((yield* Transaction.run(Explanation.of("a"))).status).toBe("fresh")
    }).pipe(Effect.provide(kept())))

  it.effect("of a routed cache are those of the cache of the key", () =>
    Effect.gen(function*() {
      yield* ttl("far:1")
      yield* ttl("far:2")
      expect(yield* said("far:1")).toEqual(["far:1 is gone", "history: evicted 00:00:00 (now), the cache is full"])
      expect((yield* report).match(/^cache: /gm)).toHaveLength(2)
    }).pipe(Effect.provide(kept(
      CacheLayer.routed({ default: CacheLayer.memory(), routes: [["far:", CacheLayer.memory({ capacity: 1 })]] })
    ))))
})

describe("the text", () => {
  it.effect("escapes what a key or a tag contains, and shortens it", () =>
    Effect.gen(function*() {
      const key = `a\n\u001b[31m\u202e`
      yield* Cached.set(key, 1, { tags: ["t\n", "x".repeat(190)] })
      const { text } = yield* Explanation.of(key)
      expect(text.split("\n")[0]).toContain("a\\u000a\\u001b[31m\\u202e is fresh")
      expect(text).toContain("tag t\\u000a, tag xxx")
      expect(text).not.toContain("x".repeat(121))
    }).pipe(Effect.provide(kept())))

  it.effect("contains no value, and a report no key, tag or secret either", () =>
    within(
      kept(Layer.provide(
        CacheLayer.layer({ defaults: { copy: "structured", retryAfter: "1 second" } }),
        Layer.succeed(Store.Store, { ...fakeStore().store, name: "redis://user:hunter2@host/0?secret=1" })
      )),
      Effect.gen(function*() {
        const secret = Effect.succeed("secret value").pipe(
          Cached.softTtl("secret key", { ttl: "1 hour", softTtl: "1 minute", tags: ["secret tag"] })
        )
        yield* secret
        expect((yield* Explanation.of(secret)).text).not.toContain("secret value")
        yield* start(Effect.never.pipe(Cached.ttl("secret load", { ttl: "1 hour" })))
        yield* TestClock.adjust("5 minutes")
        const text = yield* report
        expect(text).not.toContain("secret")
        expect(text).not.toContain("hunter2")
        expect(text).toContain("store redis://… (")
        expect(text).toContain("a string key: Loading for 5m, 1 caller, strategy ttl")
      })
    ))

  it.effect("of a report names versions, options and numbers", () =>
    Effect.gen(function*() {
      yield* ttl("a")
      const text = yield* report
      const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
      expect(text).toContain(`effect-cached ${version}, effect 4.`)
      expect(text).toContain("cache: memory (10000 entries, adaptive), history\n")
      expect(text).toContain("options: inherit life, flights shared,")
      expect(text).toMatch(/stats: hits 0, storeHits 0, misses 1,.* loads 1,/)
      expect(yield* Effect.provide(report, CacheLayer.disabled)).toContain("cache: disabled")
    }).pipe(Effect.provide(kept())))
})

describe("bad input", () => {
  it.each([-1, 1.5, NaN, Infinity, "9", 2 ** 30, null])("history: %s", (history) => {
    expect(() => Explanation.layer(CacheLayer.memory(), { history: history as number })).toThrow(CacheConfigError)
    expect(() => Explanation.layer(CacheLayer.memory(), { history: history as number })).toThrow(
      "history of Explanation.layer must be a whole number from 0 to"
    )
  })

  it("no layer", () => {
    expect(() => Explanation.layer(CacheLayer.memory as never)).toThrow("needs the layer of a cache first")
  })

  it("an unknown option", () => {
    expect(() => Explanation.layer(CacheLayer.memory(), { histroy: 1 } as never)).toThrow(`did you mean "history"?`)
  })

  it.effect("no key, and no cached effect", () =>
    Effect.gen(function*() {
      for (const subject of [undefined, 1, {}, Effect.succeed(1), Effect.asVoid(ttl("a")), () => ttl("a")]) {
        const exit = yield* Effect.exit(Explanation.of(subject as string))
        expect(String(exit)).toContain("Explanation.of cannot explain")
      }
      expect(yield* Effect.exit(Explanation.of("a").pipe(Effect.provide(kept(kept()))))).toMatchObject({
        _tag: "Failure"
      })
    }).pipe(Effect.provide(kept())))
})

it.effect("a million ids leave the history as large as it was", () =>
  Effect.gen(function*() {
    const { slots } = { slots: 1024 }
    const context = yield* Layer.build(kept(CacheLayer.memory({ capacity: 10 })))
    yield* Effect.gen(function*() {
      for (let i = 0; i < 20_000; i++) yield* ttl(`key:${i}`)
      let known = 0
      for (let i = 0; i < 20_000; i++) if ((yield* Explanation.of(`key:${i}`)).status === "gone") known++
      expect(known).toBeGreaterThan(0.9 * slots)
      expect(known).toBeLessThanOrEqual(slots)
    }).pipe(Effect.provide(context))
  }))
