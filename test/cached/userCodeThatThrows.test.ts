/**
 * Functions and options of users that throw, or return an invalid value. Before a load that is a defect of the caller
 * that owns them; about a loaded value it means not stored, or not moved. No other caller is affected.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, type Fiber, Layer, Logger, RequestResolver, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Caching, type Strategy } from "effect-cached"
import type { Eviction } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { policies } from "../../src/internal/eviction/policies.ts"
import { type Cache, caches, counting, elapse, ended, overFake, settle, start, started } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import { warner } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"
import { made } from "../support/strategies.ts"
import { testIn } from "../support/tests.ts"

const mistake = new Error("a mistake")

const throwing = (): never => {
  throw mistake
}

const hour = made({ ttl: "1 hour" })

/** The defect a fiber died with; `undefined` if it did not die. */
const defectOf = (exit: Exit.Exit<unknown, unknown> | "still waiting"): unknown => {
  if (exit === "still waiting") return exit
  const reason = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason) : undefined
  return reason?.defect
}

/** The listeners of a cache, and the effects that run a listener's effect. */
const listening = Effect.all({
  services: Effect.context<Caching.Caching>(),
  caching: Effect.map(Caching.Caching, listenersOf)
})

/** Runs a test over a cache, and gives it the warnings that the cache has logged until now. */
const warned = <Step extends Effect.Effect<any, any, Caching.Caching>, A>(
  layer: ReturnType<Cache["layer"]>,
  test: (warnings: Array<string>) => Generator<Step, A, never>
) => {
  const { logger, warnings } = warner()
  return Effect.provide(Effect.gen(() => test(warnings)), Layer.provide(layer, Logger.layer([logger])))
}

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.Unknown,
  tags: ({ id }) => id === 13 ? throwing() : [`user:${id}`]
}) {}

const many = (
  options: { readonly strategy?: Strategy.Strategy; readonly copy?: "structured" | ((value: unknown) => unknown) } = {},
  valueOf: (id: number) => unknown = (id) => `user ${id}`
) => {
  const calls: Array<ReadonlyArray<number>> = []
  const users = Cached.many(User, (keys) =>
    Effect.sync(() => {
      calls.push(keys.map(({ id }) => id))
      return keys.map(({ id }) => Exit.succeed(valueOf(id)))
    }), { strategy: hour, ...options })
  const read = (...ids: ReadonlyArray<number>) => users(ids.map((id) => ({ id })))
  return { calls, read }
}

/** Throws about entries, but not about those of the key `good`. */
const throwingOnce = (): { readonly strategy: Strategy.Strategy; readonly isBroken: { value: boolean } } => {
  const isBroken = { value: false }
  const decide: Strategy.Strategy["decide"] = (entry, now, random) =>
    isBroken.value ? throwing() : hour.decide(entry, now, random)
  return { isBroken, strategy: { ...hour, decide } }
}

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  describe("a decide", () => {
    const broken: Strategy.Strategy = { ...hour, decide: throwing }

    test.each(["first", "last"])("that throws, of the caller that comes %s, is its own defect", function*(place) {
      yield* Cached.set("k", "stored")
      const { counts, load } = counting()
      const bad = load.pipe(Cached.withStrategy("k", { strategy: broken }))
      const good = load.pipe(Cached.withStrategy("k", { strategy: hour }))
      const readers = yield* Effect.forEach(place === "first" ? [bad, good, good] : [good, good, bad], start)
      yield* settle
      const exits = readers.map(ended)
      const bads = place === "first" ? exits.splice(0, 1) : exits.splice(2, 1)
      expect(bads.map(defectOf)).toEqual([mistake])
      expect(exits).toEqual([Exit.succeed("stored"), Exit.succeed("stored")])
      expect(counts.started).toBe(0)
      expect(yield* good).toBe("stored")
    })

    test("that all share is a defect of each, and no read lasts for ever", function*() {
      yield* Cached.set("k", "stored")
      const read = Effect.succeed("loaded").pipe(Cached.withStrategy("k", { strategy: broken }))
      const readers = yield* Effect.forEach([1, 2, 3], () => start(read))
      yield* settle
      expect(readers.map((reader) => defectOf(ended(reader)))).toEqual([mistake, mistake, mistake])
    })

    test.each<unknown>(["Keep", undefined, null, 5, Promise.resolve("Serve")])("that answers %s", function*(answer) {
      yield* Cached.set("k", "stored")
      const strategy: Strategy.Strategy = { ...hour, name: "mine", decide: () => answer as never }
      const exit = yield* Effect.exit(Effect.succeed("loaded").pipe(Cached.withStrategy("k", { strategy })))
      const defect = defectOf(exit)
      expect(defect).toBeInstanceOf(CacheError.CacheConfigError)
      expect((defect as Error).message).toMatch(
        /^The strategy "mine" decided .*: decide must return one of "Serve", /
      )
    })

    test("that throws when a soft timeout has passed: the others get the stale value", function*() {
      yield* Cached.set("k", "stale")
      const late: Strategy.Strategy = { ...hour, decide: (_, now) => now > 0 ? throwing() : "LoadOrStale" }
      const { load } = counting(60_000)
      const bad = load.pipe(Cached.withStrategy("k", { strategy: late, softTimeout: "1 second" }))
      const good = load.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: "1 second" }))
      const readers = [yield* start(bad), yield* start(good), yield* start(good)]
      yield* settle
      yield* TestClock.adjust("1 second")
      expect(readers.map((reader) => defectOf(ended(reader)))).toEqual([mistake, undefined, undefined])
      expect(readers.slice(1).map(ended)).toEqual([Exit.succeed("stale"), Exit.succeed("stale")])
    })

    test("that throws about one of many: the answer of its key, and all can be read again", function*() {
      const { isBroken, strategy } = throwingOnce()
      const { calls, read } = many({ strategy })
      yield* read(1, 2)
      isBroken.value = true
      const reader = yield* started(read(1, 2, 3))
      const exit = ended(reader)
      const exits = exit !== "still waiting" && Exit.isSuccess(exit) ? exit.value : []
      expect(exits.map(defectOf)).toEqual([mistake, mistake, undefined])
      expect(exits[2]).toEqual(Exit.succeed("user 3"))
      isBroken.value = false
      const again = yield* started(read(1, 2, 3))
      expect(ended(again)).toEqual(Exit.succeed([1, 2, 3].map((id) => Exit.succeed(`user ${id}`))))
      expect(calls).toEqual([[1, 2], [3]])
    })

    test("that answers no decision fails a read of many as a whole", function*() {
      yield* many().read(1)
      const exit = yield* Effect.exit(many({ strategy: { ...hour, decide: () => "Keep" as never } }).read(1))
      expect(defectOf(exit)).toBeInstanceOf(CacheError.CacheConfigError)
    })
  })

  describe("the tags of a key class", () => {
    test("that throw are the caller's defect, before the load", function*() {
      const { counts, load } = counting()
      const key = new User({ id: 13 })
      expect(defectOf(yield* Effect.exit(load.pipe(Cached.ttl(key, { ttl: "1 hour" }))))).toBe(mistake)
      expect(counts.started).toBe(0)
    })

    test("that throw do not concern a caller that gives tags of its own", function*() {
      const key = new User({ id: 13 })
      const { counts, load } = counting(1000)
      const good = load.pipe(Cached.ttl(key, { ttl: "1 hour", tags: ["mine"] }))
      const first = yield* started(good)
      yield* started(Effect.exit(load.pipe(Cached.ttl(key, { ttl: "1 hour" }))))
      const last = yield* start(good)
      yield* elapse("1 second")
      expect([first, last].map(ended)).toEqual([Exit.succeed(1), Exit.succeed(1)])
      expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    })

    test("that throw for one of many are the answer of that key", function*() {
      const { calls, read } = many()
      const reader = yield* started(read(1, 13, 2))
      const exit = ended(reader)
      const exits = exit !== "still waiting" && Exit.isSuccess(exit) ? exit.value : []
      expect(exits.map(defectOf)).toEqual([undefined, mistake, undefined])
      expect(calls).toEqual([[1, 2]])
      const again = yield* started(read(1, 2))
      expect(ended(again)).toEqual(Exit.succeed([Exit.succeed("user 1"), Exit.succeed("user 2")]))
    })
  })

  describe("a retryAfter of a strategy", () => {
    const failing = { ...made({ strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" }) }
    // Each access by itself: whichever comes first, no caller may hang.
    test.each([1, 2, 3, 4])("that throws when it is read for the %sth time ends in its caller", function*(nth) {
      let reads = 0
      let isDown = false
      const strategy = Object.defineProperty({ ...failing }, "retryAfter", {
        get: () => ++reads >= nth ? throwing() : "1 second"
      })
      const load = Effect.suspend(() => isDown ? Effect.fail("down") : Effect.succeed("fine"))
      const bad = load.pipe(Cached.withStrategy("k", { strategy, fallbackOn: "all" }))
      const good = load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" }))
      yield* Effect.exit(bad)
      yield* good
      yield* TestClock.adjust("2 minutes")
      isDown = true
      const readers = yield* Effect.forEach([bad, good, bad, good], start)
      yield* settle
      const exits = readers.map(ended)
      expect([exits[1], exits[3]]).toEqual([Exit.succeed("fine"), Exit.succeed("fine")])
      for (const exit of [exits[0]!, exits[2]!]) expect([mistake, undefined]).toContain(defectOf(exit))
    })

    test.each<readonly [string, object]>([
      ["retryAfter", { retryAfter: "soon" }],
      ["retryAfter", { retryAfter: NaN }],
      ["retryAfter", { retryAfter: () => 5 }],
      ["jitter", { jitter: 2 }],
      ["jitter", { jitter: "half" }],
      ["jitter", { jitter: NaN }],
      ["touch", { touch: 5 }]
    ])("%s: what is none is a CacheConfigError before the load: %o", function*([name, part]) {
      const { counts, load } = counting()
      const strategy = { ...hour, ...part } as Strategy.Strategy
      const defect = defectOf(yield* Effect.exit(load.pipe(Cached.withStrategy("k", { strategy }))))
      expect(defect).toBeInstanceOf(CacheError.CacheConfigError)
      expect((defect as Error).message).toContain(name)
      expect(counts.started).toBe(0)
      expect(() => Cached.fn(User, () => Effect.succeed(1), { strategy })).toThrow(name)
      expect(() => many({ strategy })).toThrow(name)
    })
  })

  describe("a lifetime", () => {
    it.effect.each<readonly [string, unknown]>([
      ["words", { softTtl: "1 hour", ttl: "1 hour" }],
      ["numbers in words", { softTtl: "1000", ttl: "1000" }],
      ["a soft ttl of NaN", { softTtl: NaN, ttl: 1000 }],
      ["a ttl of NaN", { softTtl: 1000, ttl: NaN }],
      ["less than nothing", { softTtl: -1, ttl: -1 }],
      ["a negative soft ttl", { softTtl: -1, ttl: 1000 }],
      ["no soft ttl", { ttl: 1000 }],
      ["no ttl", { softTtl: 1000 }],
      ["nothing", undefined],
      ["null", null],
      ["another word", "never"],
      ["a promise", Promise.resolve("skip")],
      ["bigints", { softTtl: 1000n, ttl: 1000n }]
    ])(
      "of %s: the result is not stored, which is counted and logged once",
      ([, lifetime]) =>
        warned(cache.layer(), function*(warnings) {
          const { load } = counting()
          const strategy: Strategy.Strategy = { ...hour, lifetime: () => lifetime as never }
          const read = load.pipe(Cached.withStrategy("k", { strategy }))
          expect([yield* read, yield* read]).toEqual([1, 2])
          expect(yield* Cached.has("k")).toBe(false)
          expect(yield* Cached.stats).toMatchObject({ notStored: 2, callbackFailures: 0 })
          expect(warnings.length).toBe(1)
          expect(warnings[0]).toContain(`"k" is not cached`)
        })
    )

    test("of Infinity is one", function*() {
      const { load } = counting()
      const strategy: Strategy.Strategy = { ...hour, lifetime: () => ({ softTtl: Infinity, ttl: Infinity }) }
      const read = load.pipe(Cached.withStrategy("k", { strategy }))
      yield* read
      yield* TestClock.adjust("1000 weeks")
      expect(yield* read).toBe(1)
    })

    it.effect("that throws where many wait: each gets the value", () =>
      warned(cache.layer(), function*(warnings) {
        const { load } = counting(1000)
        const read = load.pipe(Cached.withStrategy("k", { strategy: { ...hour, lifetime: throwing } }))
        const readers = yield* Effect.forEach([1, 2, 3], () => start(read))
        yield* elapse("1 second")
        expect(readers.map(ended)).toEqual([1, 1, 1].map(Exit.succeed))
        expect(yield* Cached.stats).toMatchObject({ notStored: 1 })
        expect(warnings.length).toBe(1)
      }))
  })

  describe("a condition or a lifetime by function", () => {
    it.effect.each<readonly [string, object]>([
      ["a when that throws", { when: throwing }],
      ["a when that answers a Promise", { when: () => Promise.resolve(false) }],
      ["a when that answers nothing", { when: () => {} }],
      ["a storeIf that answers a Promise", { storeIf: () => Promise.resolve(true) }],
      ["a storeIf that answers text", { storeIf: () => "yes" }],
      ["a storeIf that throws", { storeIf: throwing }],
      ["a ttl that answers a Promise", { ttl: () => Promise.resolve("1h") }],
      ["a ttl that answers nothing", { ttl: () => undefined }],
      ["a ttl that answers words", { ttl: () => "soon" }],
      ["a ttl that answers NaN", { ttl: () => NaN }],
      ["a ttl that throws", { ttl: throwing }],
      ["a softTtl that answers NaN", { softTtl: () => NaN }],
      ["a softTtl that answers an object", { softTtl: () => ({ hour: 1 }) }]
    ])(
      "%s: the result is not stored, which is counted and logged once",
      ([, wrong]) =>
        warned(cache.layer(), function*(warnings) {
          const { load } = counting()
          const options = { ttl: "1h", softTtl: "1m", ...wrong } as const
          const read = load.pipe(Cached.softTtl("k", options as never)) as Effect.Effect<
            number,
            never,
            Caching.Caching
          >
          expect([yield* read, yield* read]).toEqual([1, 2])
          expect(yield* Cached.has("k")).toBe(false)
          expect(yield* Cached.stats).toMatchObject({ notStored: 2 })
          expect(warnings).toEqual([expect.stringContaining(`"k" is not cached`)])
        })
    )

    test("a fallbackOn that answers a Promise is a defect of its caller, and of no other", function*() {
      let up = true
      const load = Effect.suspend(() => up ? Effect.succeed("good") : Effect.fail("down"))
      const read = (fallbackOn: () => unknown) =>
        load.pipe(Cached.failover("k", { ttl: "1h", fallbackOn: fallbackOn as () => boolean }))
      yield* read(() => true)
      up = false
      const defect = defectOf(yield* Effect.exit(read(() => Promise.resolve(true))))
      expect(defect).toMatchObject({ message: "fallbackOn must return true or false, not a Promise" })
      expect(yield* read(() => true)).toBe("good")
    })
  })

  describe("a touch", () => {
    it.effect.each<readonly [string, () => unknown]>([
      ["throws", throwing],
      ["answers NaN", () => NaN],
      ["answers a word", () => "99999999999999"],
      ["answers nothing", () => undefined]
    ])(
      "that %s moves nothing, and every reader gets the value",
      ([, touch]) =>
        warned(cache.layer(), function*(warnings) {
          const strategy: Strategy.Strategy = { ...hour, touch: touch as never }
          const { load } = counting()
          const read = load.pipe(Cached.withStrategy("k", { strategy }))
          yield* read
          const before = yield* Looking.expiresIn("k")
          // Together, so that they wait for one answer of the store.
          const readers = yield* Effect.forEach([1, 2, 3], () => start(read))
          yield* settle
          expect(readers.map(ended)).toEqual([1, 1, 1].map(Exit.succeed))
          expect(yield* Looking.expiresIn("k")).toEqual(before)
          expect(yield* Cached.stats).toMatchObject({ callbackFailures: 3, notStored: 0, loads: 1 })
          expect(warnings.length).toBe(1)
          expect(warnings[0]).toContain(`"k" does not extend its lifetime`)
        })
    )

    test("that throws about one of many", function*() {
      const { calls, read } = many({ strategy: { ...hour, touch: throwing } })
      yield* read(1, 2)
      expect(yield* read(1, 2)).toEqual([Exit.succeed("user 1"), Exit.succeed("user 2")])
      expect(calls.length).toBe(1)
    })
  })

  describe("a copy", () => {
    test.each(["structured", "a function"])("of one of many that fails is the answer of that key: %s", function*(form) {
      const isBad = (value: unknown) => typeof value === "function"
      const copy = form === "structured"
        ? "structured" as const
        : (value: unknown) => isBad(value) ? throwing() : value
      const { read } = many({ copy }, (id) => id === 2 ? () => 2 : `user ${id}`)
      for (let i = 0; i < 2; i++) {
        const exits = yield* read(1, 2, 3)
        expect(exits[0]).toEqual(Exit.succeed("user 1"))
        expect(exits[2]).toEqual(Exit.succeed("user 3"))
        const defect = defectOf(exits[1]!)
        if (form === "structured") expect(defect).toBeInstanceOf(CacheError.CacheConfigError)
        else expect(defect).toBe(mistake)
      }
    })
  })

  if (cache.memory) {
    describe("an eviction policy", () => {
      type Broken = Partial<Eviction.Policy>

      const evictionWith = (broken: (policy: Eviction.Policy) => Broken): Eviction.Eviction => ({
        name: "broken",
        make: (options) => {
          const policy = policies.lru.make(options)
          return { ...policy, ...broken(policy) }
        }
      })
      const stranger: Eviction.Node = { id: "stranger", previous: undefined, next: undefined }
      const kinds: ReadonlyArray<readonly [string, Eviction.Eviction, number]> = [
        ["added throws", evictionWith(() => ({ added: throwing })), 1],
        ["read throws", evictionWith(() => ({ read: throwing })), 1],
        ["removed throws", evictionWith(() => ({ removed: throwing })), 1],
        ["removed throws, without replaced", evictionWith(() => ({ removed: throwing, replaced: undefined })), 1],
        ["replaced throws", evictionWith(() => ({ replaced: throwing })), 1],
        ["victim throws", evictionWith(() => ({ victim: throwing })), 1],
        [
          "everything throws",
          evictionWith(() => ({
            added: throwing,
            read: throwing,
            removed: throwing,
            replaced: throwing,
            victim: throwing
          })),
          1
        ],
        ["victim answers nothing", evictionWith(() => ({ victim: () => undefined })), 0],
        ["victim answers null", evictionWith(() => ({ victim: () => null as never })), 1],
        ["victim answers a stranger", evictionWith(() => ({ victim: () => stranger })), 1],
        [
          "victim answers what throws when it is looked at",
          evictionWith(() => ({
            victim: () => ({
              ...stranger,
              get id() {
                return throwing()
              }
            })
          })),
          1
        ],
        [
          "victim answers the same one for ever",
          evictionWith((policy) => {
            let first: Eviction.Node | undefined
            return { victim: () => first ??= policy.victim() }
          }),
          1
        ],
        ["victim forgets", evictionWith(() => ({ removed: () => {} })), 1]
      ]

      it.effect.each(kinds)(
        "whose %s: no read fails, and memory stays within its capacity",
        ([, eviction, warnings]) =>
          warned(cache.layer({ capacity: 3, eviction }), function*(lines) {
            const read = (n: number) =>
              Effect.delay(Effect.succeed(n), 1000).pipe(Cached.ttl(`${n}`, { ttl: "1 hour" }))
            for (let round = 0; round < 3; round++) {
              for (let n = 0; n < 8; n++) {
                // Two callers of one load: its landing may throw.
                const readers = [yield* start(read(n)), yield* start(read(n))]
                yield* settle
                yield* elapse("1 second")
                expect(readers.map(ended)).toEqual([Exit.succeed(n), Exit.succeed(n)])
                const { size } = yield* Cached.stats
                expect(size).toBeLessThanOrEqual(3)
                yield* read(n).pipe(Effect.forkChild({ startImmediately: true }))
              }
              yield* Cached.set("7", 7)
              yield* Cached.set("7", 7)
              yield* Cached.invalidate("7")
              yield* TestClock.adjust("1 second")
            }
            yield* Cached.clear
            const { callbackFailures, size } = yield* Cached.stats
            expect(size).toBe(0)
            expect(lines.length).toBe(warnings)
            expect(callbackFailures > 0).toBe(warnings > 0)
          })
      )

      it.effect("that names what is not in memory is a CacheConfigError in the log, once", () => {
        const causes: Array<unknown> = []
        const logger = Logger.make(({ cause }) => void causes.push(Cause.squash(cause)))
        return Effect.gen(function*() {
          for (const key of ["a", "b", "c", "d", "e"]) yield* Cached.set(key, key)
          expect(causes).toEqual([expect.any(CacheError.CacheConfigError)])
        }).pipe(
          Effect.provide(cache.layer({ capacity: 2, eviction: evictionWith(() => ({ victim: () => stranger })) })),
          Effect.provide(Logger.layer([logger]))
        )
      })

      it.effect("that fails where a value takes the place of another: LRU has each entry once", () =>
        Effect.gen(function*() {
          for (const key of ["a", "b", "a", "b", "c", "d", "e", "f"]) {
            yield* Cached.set(key, key)
            expect((yield* Cached.stats).size).toBeLessThanOrEqual(3)
          }
          expect((yield* Cached.stats).callbackFailures).toBe(1)
          expect(yield* Effect.filter(["a", "b", "c", "d", "e", "f"], Cached.has)).toEqual(
            cache.store ? ["a", "b", "c", "d", "e", "f"] : ["d", "e", "f"]
          )
        }).pipe(
          Effect.provide(cache.layer({
            capacity: 3,
            eviction: evictionWith(() => ({ removed: throwing, replaced: undefined }))
          }))
        ))

      it.effect("that empties the cache while it is asked for a victim", () => {
        let empty = () => {}
        return Effect.gen(function*() {
          const run = Effect.runSyncWith(yield* Effect.context<Caching.Caching>())
          empty = () => void run(Effect.forkDetach(Cached.clear, { startImmediately: true }))
          for (const key of ["a", "b", "c", "d", "e"]) yield* Cached.set(key, key)
          yield* settle
          const { size, weight } = yield* Cached.stats
          expect(size).toBe(weight)
          expect(size).toBeLessThanOrEqual(2)
        }).pipe(
          Effect.provide(
            cache.layer({
              capacity: 2,
              eviction: evictionWith((policy) => ({
                victim: () => {
                  empty()
                  return policy.victim()
                }
              }))
            })
          )
        )
      })

      it.effect("whose victim answers nothing lets the newest entry leave", () =>
        Effect.gen(function*() {
          for (const key of ["a", "b", "c"]) yield* Cached.set(key, key)
          const { evictions, size } = yield* Cached.stats
          expect({ evictions, size }).toEqual({ evictions: 1, size: 2 })
          const caching = listenersOf(yield* Caching.Caching)
          const left: Array<string> = []
          caching.onRemoval(({ id }) => void left.push(id))
          yield* Cached.set("d", "d")
          expect(left).toEqual(["d"])
        }).pipe(
          Effect.provide(cache.layer({ capacity: 2, eviction: evictionWith(() => ({ victim: () => undefined })) }))
        ))

      it.effect.each<readonly [string, () => unknown]>([
        ["throws", throwing],
        ["gives nothing", () => undefined],
        ["gives a promise", () => Promise.resolve()],
        ["gives a policy without a method", () => ({ added: () => {}, read: () => {}, removed: () => {} })],
        [
          "gives a wrong replaced",
          () => ({ ...policies.lru.make({ capacity: 1, weighed: false, seed: () => 1 }), replaced: 5 })
        ]
      ])("whose make %s is a CacheConfigError when the layer is built", ([, make]) =>
        Effect.gen(function*() {
          const eviction: Eviction.Eviction = { name: "mine", make: make as never }
          const exit = yield* Effect.exit(Effect.scoped(Layer.build(cache.layer({ eviction }))))
          const defect = defectOf(exit)
          expect(defect).toBeInstanceOf(CacheError.CacheConfigError)
          expect((defect as Error).message).toContain(`The eviction policy "mine" cannot be used`)
        }))
    })
  }

  describe("a listener", () => {
    it.effect("that throws inside a landing: all waiting callers are answered", () =>
      warned(cache.layer(), function*(warnings) {
        const caching = listenersOf(yield* Caching.Caching)
        caching.listen(({ _tag }) => _tag === "Load" ? throwing() : undefined)
        caching.onRemoval(throwing)
        const { get: read } = counting(1000)
        const readers = yield* Effect.forEach([1, 2, 3], () => start(read))
        yield* settle
        yield* elapse("1 second")
        expect(readers.map(ended)).toEqual([1, 1, 1].map(Exit.succeed))
        yield* Cached.invalidate("k")
        const { callbackFailures } = yield* Cached.stats
        expect(callbackFailures).toBe(cache.memory ? 2 : 1)
        expect(warnings.length).toBe(callbackFailures)
      }))

    test("that ends the load which a reader just joins: that reader is answered too", function*() {
      const { caching, services } = yield* listening
      const gate = yield* Deferred.make<string>()
      // In the step in which the reader joins.
      caching.listen(({ _tag }) => {
        if (_tag === "Joined") Effect.runForkWith(services)(Deferred.succeed(gate, "loaded"))
      })
      const read = Deferred.await(gate).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const first = yield* started(read)
      const second = yield* started(read)
      expect([first, second].map(ended)).toEqual([Exit.succeed("loaded"), Exit.succeed("loaded")])
    })

    test("that reads what is being read, and gives up at once, interrupts no other caller", function*() {
      const { caching, services } = yield* listening
      const { counts, get: read } = counting(1000)
      let told = 0
      caching.listen(({ _tag }) => {
        if (_tag === "Miss" && ++told === 1) Effect.runForkWith(services)(Effect.raceFirst(read, Effect.void))
      })
      const reader = yield* started(read)
      yield* elapse("1 second")
      expect(ended(reader)).toEqual(Exit.succeed(1))
      expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    })

    test("that reads whenever one has missed joins the load, and that ends", function*() {
      const { caching, services } = yield* listening
      const { get: read } = counting(1000)
      let isReading = false
      const reads: Array<Fiber.Fiber<unknown, unknown>> = []
      caching.listen(({ _tag }) => {
        if (_tag !== "Miss" || isReading || reads.length === 100) return
        isReading = true
        reads.push(Effect.runForkWith(services)(read))
        isReading = false
      })
      const readers = [yield* start(read), yield* start(read)]
      yield* settle
      yield* elapse("1 second")
      expect(readers.map(ended)).toEqual([1, 1].map(Exit.succeed))
      expect(reads.map(ended)).toEqual([1, 1].map(Exit.succeed))
    })

    let others = 0
    const doings: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Caching.Caching>]> = [
      ["reads the same key", Effect.succeed(0).pipe(Cached.ttl("k", { ttl: "1 hour" }))],
      ["reads another", Effect.succeed(0).pipe(Cached.ttl("other", { ttl: "1 hour" }))],
      ["looks it up", Cached.getOption("k")],
      ["sets the same key", Cached.set("k", "set")],
      ["sets another", Effect.suspend(() => Cached.set(`other ${others++}`, "set"))],
      ["invalidates it", Cached.invalidate("k")],
      ["clears everything", Cached.clear],
      [
        "listens",
        Effect.map(Caching.Caching, (caching) => {
          const unsubscribe = listenersOf(caching).listen(() => unsubscribe())
        })
      ]
    ]

    it.effect.each(doings)(
      "that %s within each call: every reader is answered, and memory stays bounded",
      ([, doing]) =>
        Effect.gen(function*() {
          const { caching, services } = yield* listening
          let depth = 0
          let told = 0
          const tell = () => {
            // The listener's own operations are reported too, which would never end.
            if (depth > 0 || ++told > 200) return
            depth++
            Effect.runForkWith(services)(doing)
            depth--
          }
          caching.listen(tell)
          caching.onRemoval(tell)
          let loads = 0
          const load = Effect.delay(Effect.sync(() => ++loads), 1000)
          const read = load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute" }))
          for (let round = 0; round < 5; round++) {
            const readers: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [
              yield* start(read),
              yield* start(read),
              yield* start(many().read(1, 2))
            ]
            yield* settle
            yield* elapse("1 second")
            for (const reader of readers) {
              const exit = ended(reader)
              expect(exit !== "still waiting" && Exit.isSuccess(exit)).toBe(true)
            }
            if (cache.memory) expect((yield* Cached.stats).size).toBeLessThanOrEqual(2)
            yield* TestClock.adjust("1 minute")
            if (round === 3) yield* Cached.invalidate("k")
          }
          // The listeners are still there: none of them was taken for one that throws.
          expect((yield* Cached.stats).callbackFailures).toBe(0)
        }).pipe(Effect.provide(cache.layer({ capacity: 2 })))
    )
  })

  describe("an origin that is down", () => {
    const get = (origin: { isDown: boolean }, key: string | User, ttl: "1 hour" = "1 hour") =>
      Effect.suspend(() => origin.isDown ? Effect.fail("down") : Effect.succeed("fine")).pipe(
        Cached.softTtl(key as string, { ttl, softTtl: "1 minute", retryAfter: "1 second", fallbackOn: "all" })
      )

    it.effect("is one warning, however many keys are stale, until a load succeeds again", () =>
      warned(cache.layer(), function*(warnings) {
        const origin = { isDown: false }
        const keys = Array.from({ length: 100 }, (_, id) => new User({ id: id + 100 }))
        const readAll = Effect.gen(function*() {
          for (const key of keys) expect(yield* get(origin, key)).toBe("fine")
        })
        yield* readAll
        for (const after of [1, 2]) {
          yield* TestClock.adjust("2 minutes")
          origin.isDown = true
          yield* readAll
          yield* TestClock.adjust("2 seconds")
          yield* readAll
          expect(warnings.length).toBe(after)
          expect(warnings.at(-1)).toContain(
            `a stale value may be served. Further failures are logged at debug level until a load of User keys succeeds`
          )
          origin.isDown = false
          yield* TestClock.adjust("2 seconds")
          yield* readAll
        }
        expect(yield* Cached.stats).toMatchObject({ loadFailures: 400 })
      }))

    it.effect("is a warning of each class: another origin may be well", () =>
      warned(cache.layer(), function*(warnings) {
        class Other extends CacheKey.Class<Other>()("Other", { payload: {}, success: Schema.Unknown }) {}
        const origin = { isDown: false }
        const well = { isDown: false }
        const keys = [new User({ id: 1 }), "a string", new User({ id: 2 })]
        for (const key of keys) yield* get(origin, key)
        yield* get(well, new Other({}) as never)
        yield* TestClock.adjust("2 minutes")
        origin.isDown = true
        for (const key of keys) {
          yield* get(origin, key)
          yield* get(well, new Other({}) as never)
        }
        expect(warnings.length).toBe(2)
        expect(warnings[1]).toContain("until a load of string keys succeeds")
      }))
  })
})

it.effect("the first caller's decide does not kill the second, also while the lease is acquired", () =>
  overFake(function*(fake) {
    const gate = Effect.runSync(Deferred.make<void>())
    yield* Cached.set("k", "stored")
    fake.behave = (operation) => operation === "get" ? { before: Deferred.await(gate) } : {}
    const { counts, load } = counting()
    const bad = load.pipe(Cached.withStrategy("k", { strategy: { ...hour, decide: throwing } }))
    const good = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const readers = [yield* start(bad), yield* start(good), yield* start(good)]
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(readers.map((reader) => defectOf(ended(reader)))).toEqual([mistake, undefined, undefined])
    expect(readers.slice(1).map(ended)).toEqual([Exit.succeed("stored"), Exit.succeed("stored")])
    expect(counts.started).toBe(0)
  }, { memory: false }))

it.effect("a caller that is late for its soft timeout when the store answers, and whose decide throws, dies alone", () =>
  overFake(function*(fake) {
    yield* Cached.set("k", "stale")
    fake.behave = (operation) => operation === "get" ? { before: Effect.sleep(200) } : {}
    const { load } = counting(60_000)
    const first = load.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: 100 }))
    const bad = load.pipe(Cached.withStrategy("k", { strategy: { ...hour, decide: throwing }, softTimeout: 100 }))
    const readers = [yield* start(first), yield* start(bad), yield* start(first)]
    yield* settle
    yield* elapse(200)
    expect(readers.map((reader) => defectOf(ended(reader)))).toEqual([undefined, mistake, undefined])
    expect([readers[0]!, readers[2]!].map(ended)).toEqual([Exit.succeed("stale"), Exit.succeed("stale")])
  }, { memory: false }))

it.effect("a strategy that throws about the store is no failure of the load: the next reader finds its entry", () =>
  overFake(function*() {
    yield* Cached.set("k", "stored")
    const bad = Effect.fail("down").pipe(Cached.withStrategy("k", { strategy: { ...hour, decide: throwing } }))
    expect(defectOf(yield* Effect.exit(bad))).toBe(mistake)
    expect(yield* Cached.stats).toMatchObject({ loads: 0, loadFailures: 0, notStored: 0 })
    expect(yield* Effect.succeed("loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe("stored")
  }, { memory: false }))

it.effect("a refresh of many whose tags cannot be known is left out: the others are refreshed", () => {
  let isBroken = false
  class Item extends CacheKey.Class<Item>()("Item", {
    payload: { id: Schema.Int },
    success: Schema.Int,
    tags: ({ id }) => isBroken && id === 2 ? throwing() : []
  }) {}
  return Effect.gen(function*() {
    let n = 0
    const items = Cached.many(Item, (keys) => Effect.sync(() => keys.map(() => Exit.succeed(++n))), {
      strategy: "refreshAhead",
      ttl: "1 hour",
      refreshAfter: "1 minute"
    })
    const read = items([{ id: 1 }, { id: 2 }, { id: 3 }])
    yield* read
    yield* TestClock.adjust("1 minute")
    isBroken = true
    yield* read
    yield* settle
    const reader = yield* started(read)
    expect(ended(reader)).toEqual(Exit.succeed([4, 2, 5].map(Exit.succeed)))
    expect(yield* Cached.stats).toMatchObject({ refreshes: 2 })
  }).pipe(Effect.provide(CacheLayer.memory()))
})

const test = testIn(CacheLayer.memory())

test("a decide that throws about one request of a resolver is the answer of that request", function*() {
  const { isBroken, strategy } = throwingOnce()
  const origin = RequestResolver.make<User>((entries) =>
    Effect.sync(() => {
      for (const entry of entries) entry.completeUnsafe(Exit.succeed(`user ${entry.request.id}`))
    })
  )
  const users = Cached.resolver(origin, { strategy })
  const read = (id: number) => Effect.exit(Effect.request(new User({ id }), users))
  yield* read(1)
  isBroken.value = true
  const exits = yield* Effect.forEach([1, 2], read, { concurrency: "unbounded" })
  expect(exits.map(defectOf)).toEqual([mistake, undefined])
})

it.effect("a listener that reads while its entry is removed does not get the entry that the store still has", () =>
  overFake(function*(fake) {
    const { caching, services } = yield* listening
    const read = Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* Cached.set("k", "old")
    let told = 0
    caching.onRemoval(() => {
      if (++told === 1) Effect.runForkWith(services)(read)
    })
    fake.behave = (operation) => operation === "remove" ? { before: Effect.sleep(50) } : {}
    const invalidating = yield* started(Cached.invalidate("k"))
    yield* elapse(50)
    expect(ended(invalidating)).toEqual(Exit.void)
    expect(told).toBe(1)
    expect(yield* read).toBe("new")
  }))

it.effect("a listener that joins the reported refresh does not wait for the queue", () =>
  Effect.gen(function*() {
    const { caching, services } = yield* listening
    let isSlow = false
    const read = (key: string) =>
      Effect.suspend(() => isSlow && key === "slow" ? Effect.never : Effect.succeed(isSlow)).pipe(
        Cached.refreshAhead(key, { ttl: "1 hour", refreshAfter: "1 minute" })
      )
    const joined: Array<Fiber.Fiber<boolean>> = []
    caching.listen((event) => {
      if (event._tag !== "Refresh" || event.id !== "quick") return
      joined.push(Effect.runForkWith(services)(CachePolicy.refresh(read("quick"))))
    })
    const both = Effect.forEach(["slow", "quick"], read)
    yield* both
    yield* TestClock.adjust("1 minute")
    isSlow = true
    yield* both
    yield* settle
    expect(joined.map(ended)).toEqual([Exit.succeed(true)])
  }).pipe(Effect.provide(CacheLayer.memory({ refresh: { concurrency: 1 } }))))

test("CacheCycle says what counts as a part of a load", function*() {
  const self: Effect.Effect<number, never, Caching.Caching> = Effect.suspend(() => self).pipe(
    Cached.ttl("self", { ttl: "1 hour" })
  )
  const error = defectOf(yield* Effect.exit(self))
  expect(error).toBeInstanceOf(CacheError.CacheCycle)
  expect((error as Error).message).toMatch(/^Loads wait .*: self -> self\. Break .* or fork outside the loads/)
})
