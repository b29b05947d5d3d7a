/**
 * Features that `docs/coming-from.md` and the pages of `docs/coming-from/` claim, and that are easily claimed: each is
 * run here.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { Lock, Serializer, Store, Weigher } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { createHmac, timingSafeEqual } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { policies } from "../../src/internal/eviction/policies.ts"
import { counting, fakeStore, over, overFake, settle, start } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const provided = Effect.provide(CacheLayer.memory())
const hour = { ttl: "1 hour" } as const

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

describe("cashews", () => {
  it.effect("CA-70, CA-74 · a transaction sees its own writes; rollback and a failed inner one discard theirs", () =>
    Effect.gen(function*() {
      const all = ["a", "b", "c", "d"]
      yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.set("a", 1)
        yield* Transaction.rollback
        yield* Cached.set("b", 1)
        yield* Effect.ignore(Transaction.run(Effect.andThen(Cached.set("c", 1), Effect.fail("no"))))
        yield* Transaction.run(Cached.set("d", 1))
        expect(yield* Effect.filter(all, Cached.has)).toEqual(["b", "d"])
      }))
      expect(yield* Effect.filter(all, Cached.has)).toEqual(["b", "d"])
    }).pipe(provided))

  it.effect("CA-71, CA-72, CA-73 · fast loses updates, locked and serializable do not", () =>
    Effect.gen(function*() {
      const left = []
      for (const isolation of ["fast", "locked", "serializable"] as const) {
        const add = Transaction.run(
          Effect.gen(function*() {
            const n = Option.getOrElse(yield* Cached.getOption(isolation), () => 0) as number
            yield* Effect.yieldNow
            yield* Cached.set(isolation, n + 1)
          }),
          { isolation }
        )
        const both = yield* start(Effect.all([add, add, add], { concurrency: "unbounded" }))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(both)
        left.push(Option.getOrThrow(yield* Cached.getOption(isolation)))
      }
      expect(left).toEqual([1, 3, 3])
    }).pipe(provided))

  it.effect("CA-75 · half a second is half a second, 1,200 writes are 1,200, and a condition looks at the store", () =>
    Effect.gen(function*() {
      yield* Cached.set("there", 0)
      const answers = yield* Transaction.run(Effect.gen(function*() {
        yield* Cached.set("short", 1, { ttl: "500 millis" })
        yield* Cached.setMany(Array.from({ length: 1200 }, (_, i) => [`k${i}`, i] as const))
        return [yield* Cached.set("there", 1, { ifPresent: true }), yield* Cached.set("there", 2, { ifAbsent: true })]
      }))
      expect(answers).toEqual([true, false])
      expect(yield* Cached.size).toBe(1202)
      expect(yield* Cached.getOption("there")).toEqual(Option.some(1))
      yield* TestClock.adjust("500 millis")
      expect([yield* Cached.has("short"), yield* Cached.has("k1199")]).toEqual([false, true])
    }).pipe(provided))

  it.effect("CA-06 · the least recently read entry leaves a full memory; one that has expired is a miss at once", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(["a", "b"], (key) => Cached.set(key, key, hour))
      yield* Cached.getOption("a")
      yield* Cached.set("c", "c", hour)
      expect(yield* Effect.filter(["a", "b", "c"], Cached.has)).toEqual(["a", "c"])
      yield* TestClock.adjust("1 hour")
      expect([yield* Cached.has("a"), yield* Cached.size]).toEqual([false, 0])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2 }))))

  it.effect("CA-06 · an expired entry leaves a full memory before a live one, without a sweep", () =>
    Effect.gen(function*() {
      yield* Cached.set("live", 1, { ttl: "1 day" })
      yield* Effect.forEach(["a", "b"], (key) => Cached.set(key, key, hour))
      yield* TestClock.adjust("1 hour")
      yield* Effect.forEach(["c", "d"], (key) => Cached.set(key, key, hour))
      expect(yield* Effect.filter(["live", "a", "b", "c", "d"], Cached.has)).toEqual(["live", "c", "d"])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 3 }))))

  it.effect("CA-06 · values are shared with the cache, in both directions, unless they are copied", () =>
    Effect.gen(function*() {
      const given = { n: 1 }
      yield* Cached.set("shared", given)
      yield* Cached.set("copied", given, { copy: "structured" })
      const read = Effect.succeed({ n: 0 })
      const shared = read.pipe(Cached.untilInvalidated("shared"))
      const copied = read.pipe(Cached.untilInvalidated("copied", { copy: "structured" }))
      given.n = 2
      expect([yield* shared, yield* copied]).toEqual([{ n: 2 }, { n: 1 }])
      ;(yield* shared).n = 3
      ;(yield* copied).n = 3
      expect([yield* shared, yield* copied]).toEqual([{ n: 3 }, { n: 1 }])
    }).pipe(provided))

  it.effect("CA-10 · the base commands", () =>
    Effect.gen(function*() {
      const get = (key: string) => Effect.map(Cached.getOption(key), Option.getOrElse(() => "default"))
      const getOrSet = (key: string, value: string) => Effect.succeed(value).pipe(Cached.ttl(key, hour))
      expect([yield* get("a"), yield* getOrSet("a", "1"), yield* getOrSet("a", "2"), yield* get("a")])
        .toEqual(["default", "1", "1", "1"])
      yield* Cached.setMany([["b", "2"], ["c", "3"]])
      expect(yield* Cached.getMany(["a", "x"])).toEqual([Option.some("1"), Option.none()])
      expect([yield* Cached.set("a", "4", { ifAbsent: true }), yield* Cached.set("x", "4", { ifPresent: true })])
        .toEqual([false, false])
      // get_expire: -2, -1, the rest
      expect(yield* Effect.forEach(["x", "b", "a"], Looking.expiresIn)).toEqual([
        Option.none(),
        Option.some(Duration.infinity),
        Option.some(Duration.hours(1))
      ])
      yield* Cached.touch("b", "1 minute")
      expect(yield* Looking.expiresIn("b")).toEqual(Option.some(Duration.minutes(1)))
      // get_match, get_keys_count
      const matching = yield* Stream.runCollect(Cached.getMatching("[ab]"))
      expect(matching.toSorted()).toEqual([["a", "1"], ["b", "2"]])
      expect(yield* Cached.size).toBe(3)
      yield* Store.ping
      expect([yield* Cached.remove("a"), yield* Cached.remove(["b", "x"])]).toEqual([true, 1])
      expect(yield* Cached.counter("n").increment({ by: 5, ttl: "1 hour" })).toBe(5)
      yield* Cached.clear
      expect(yield* Cached.size).toBe(0)
    }).pipe(provided))

  it.effect("CA-18 · a lock: its holder alone releases it, and a caller that does not want to wait is refused", () =>
    Effect.gen(function*() {
      const lock = yield* Lock.Lock
      const free = yield* Deferred.make<void>()
      const held = yield* start(Effect.scoped(Effect.andThen(
        lock.acquire("report", { lease: "50 millis", wait: 0 }),
        Deferred.await(free)
      )))
      yield* settle
      const tries = Effect.scoped(Effect.as(lock.acquire("report", { lease: "50 millis", wait: 0 }), "mine"))
      // Work that takes longer than its lease keeps the lock.
      yield* TestClock.adjust("1 second")
      const refused = yield* Effect.flip(tries)
      expect([refused._tag, refused.reason, yield* lock.isLocked("report")]).toEqual(["LockError", "Timeout", true])
      yield* Deferred.succeed(free, undefined)
      yield* Fiber.join(held)
      expect(yield* lock.isLocked("report")).toBe(false)
      expect(yield* tries).toBe("mine")
    }))

  it.effect("CA-18 · where the place of the locks is down the body does not run", () =>
    Effect.gen(function*() {
      const down = (name: string) => Effect.fail(new CacheError.LockError({ lock: name, reason: "Unavailable" }))
      const lock = Lock.make({ name: "down", tryAcquire: down, renew: down, release: down })
      let ran = false
      const body = Effect.sync(() => {
        ran = true
      })
      const error = yield* lock.acquire("report", { lease: "1 second", wait: 0 }).pipe(
        Effect.andThen(body),
        Effect.scoped,
        Effect.flip
      )
      expect([error.reason, ran]).toEqual(["Unavailable", false])
    }))

  it.effect("CA-24 · a signature is a serializer: what was copied to another key, or changed, is a miss", () =>
    Effect.gen(function*() {
      const sign = (id: string, body: Uint8Array) =>
        createHmac("sha256", "secret").update(JSON.stringify(id)).update(body).digest()
      const signed = Serializer.make({
        name: "signed",
        extension: ".signed",
        encode: (value, id) => {
          const body = Buffer.from(JSON.stringify(value))
          return Buffer.concat([sign(id, body), body])
        },
        decode: (bytes, id) => {
          const body = bytes.subarray(32)
          if (!timingSafeEqual(bytes.subarray(0, 32), sign(id, body))) throw new Error("not signed for this id")
          return JSON.parse(new TextDecoder().decode(body))
        }
      })
      const fake = fakeStore()
      const cache = CacheLayer.layer({ memory: false }).pipe(
        Layer.provide([fake.layer, Layer.succeed(Serializer.Serializer, signed)])
      )
      yield* Effect.gen(function*() {
        yield* Effect.forEach([1, 2], (id) => Cached.set(new User({ id }), `user ${id}`))
        const [one, two] = [1, 2].map((id) => CacheKey.id(new User({ id }))) as [string, string]
        expect(yield* Cached.getOption(new User({ id: 1 }))).toEqual(Option.some("user 1"))
        fake.entries.set(one, fake.entries.get(two)!)
        expect(yield* Cached.getOption(new User({ id: 1 }))).toEqual(Option.none())
      }).pipe(Effect.provide(cache))
    }))

  it.effect("CA-36 · soft: within ttl the old value for a listed failure; what is not listed is an answer", () =>
    Effect.gen(function*() {
      class Down extends Schema.TaggedError<Down>()("Down", {}) {}
      class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
      let outcome: Effect.Effect<string, Down | Gone> = Effect.succeed("old")
      let loads = 0
      const load = Effect.suspend(() => {
        loads++
        return outcome
      })
      const options = { ...hour, softTtl: "20 minutes", fallbackOn: "all" } as const
      const soft = (retryAfter?: Duration.Input) =>
        load.pipe(Cached.softTtl("k", { ...options, retryAfter, fallbackOn: ["Down"] }))
      const failure = Effect.map(Effect.flip(soft(0)), (error) => error._tag)
      yield* soft()
      yield* TestClock.adjust("20 minutes")
      outcome = Effect.fail(new Down())
      // A pause between tries; without it each call tries.
      expect([yield* soft(), yield* soft(), loads]).toEqual(["old", "old", 2])
      yield* TestClock.adjust("5 seconds")
      expect([yield* soft(0), yield* soft(0), loads]).toEqual(["old", "old", 4])
      outcome = Effect.die("bug")
      const hiding = load.pipe(Cached.softTtl("k", { ...options, retryAfter: 0, fallbackOn: () => true }))
      const byDefault = load.pipe(Cached.softTtl("k", { ...options, retryAfter: 0 }))
      expect([yield* hiding, Exit.hasDies(yield* Effect.exit(byDefault))]).toEqual(["old", true])
      outcome = Effect.fail(new Gone())
      expect(yield* failure).toBe("Gone")
      outcome = Effect.fail(new Down())
      expect(yield* failure).toBe("Down")
      // Past ttl.
      outcome = Effect.succeed("new")
      yield* soft()
      yield* TestClock.adjust("1 hour")
      outcome = Effect.fail(new Down())
      expect(yield* failure).toBe("Down")
    }).pipe(provided))

  it.effect("CA-40 · upper: what an inner cache served is not stored, be it fresh or in place of a failure", () =>
    Effect.gen(function*() {
      let up = true
      const origin = Effect.suspend(() => up ? Effect.succeed("good") : Effect.fail("down"))
      const inner = origin.pipe(Cached.failover("inner", { ttl: "1 day", fallbackOn: "all" }))
      const outer = inner.pipe(Cached.ttl("outer", hour))
      yield* outer
      yield* TestClock.adjust("1 hour")
      up = false
      expect(yield* outer).toBe("good")
      expect(yield* Cached.has("outer")).toBe(false)

      const fresh = Effect.succeed(1).pipe(Cached.ttl("fresh", hour))
      const refusing = fresh.pipe(Cached.ttl("refusing", { ...hour, inherit: "refuse" }))
      const aging = fresh.pipe(Cached.ttl("aging", hour))
      yield* fresh
      yield* TestClock.adjust("59 minutes")
      yield* refusing
      yield* aging
      expect([yield* Cached.has("refusing"), yield* Cached.has("aging")]).toEqual([false, true])
      yield* TestClock.adjust("1 minute")
      expect(yield* Cached.has("aging")).toBe(false)
    }).pipe(provided))

  it.effect("CA-50 · invalidates after a success, by an argument, by a pattern", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(["weather:Berlin", "weather:Paris", "page:1", "page:2"], (key) => Cached.set(key, 1))
      const save = (city: string, outcome: Effect.Effect<void, "down">) =>
        outcome.pipe(Cached.invalidateAfter([`weather:${city}`, { matching: "page:*" }]))
      yield* Effect.exit(save("Berlin", Effect.fail("down")))
      expect(yield* Cached.size).toBe(4)
      yield* save("Berlin", Effect.void)
      expect(yield* Stream.runCollect(Looking.ids())).toEqual(["weather:Paris"])
    }).pipe(provided))
})

describe("py-memoize", () => {
  it.effect("ME-11 · two forced calls at once get the new value both, in one load", () =>
    Effect.gen(function*() {
      const { counts, load } = counting(1000)
      const users = Cached.fn(User, () => Effect.map(load, String), hour)
      const first = yield* start(users({ id: 1 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      const forced = yield* Effect.all([start(users.refresh({ id: 1 })), start(users.refresh({ id: 1 }))])
      yield* settle
      expect(yield* users({ id: 1 })).toBe("1")
      yield* TestClock.adjust("1 second")
      expect(yield* Effect.forEach(forced, Fiber.join)).toEqual(["2", "2"])
      expect([yield* users({ id: 1 }), counts.started]).toEqual(["2", 2])
    }).pipe(provided))

  it.effect("ME-13 · a key is the name of its class, its shape and its payload, and not the function", () =>
    Effect.gen(function*() {
      const id = CacheKey.id(new User({ id: 1 }))
      // The same text in every process.
      expect(id).toBe("~User@aWgLpTdt:1,")
      const Other = class User extends CacheKey.Class<User>()("User", {
        payload: { id: Schema.Int },
        success: Schema.Number
      }) {}
      expect(CacheKey.id(new Other({ id: 1 }))).not.toBe(id)
      const strategy = { strategy: "ttl", ...hour } as const
      const one = Cached.fn(User, () => Effect.succeed("one"), strategy)
      const two = Cached.fn(User, () => Effect.succeed("two"), strategy)
      expect([yield* one({ id: 1 }), yield* two({ id: 1 })]).toEqual(["one", "one"])
    }).pipe(provided))
})

describe("aiocache", () => {
  it.effect("AI-02 · add answers whether it has added, a limit for the steps of one command", () =>
    Effect.gen(function*() {
      expect([yield* Cached.set("k", 1, { ifAbsent: true }), yield* Cached.set("k", 2, { ifAbsent: true })])
        .toEqual([true, false])
      const fake = fakeStore()
      fake.behave = () => ({ before: Effect.never })
      const reading = yield* start(
        Effect.result(CachePolicy.strict(Cached.getOption("k"))).pipe(
          CachePolicy.storeTimeout("100 millis"),
          Effect.provide(over(fake, { memory: false }))
        )
      )
      yield* TestClock.adjust("100 millis")
      yield* settle
      expect(reading.pollUnsafe()).toMatchObject({ _tag: "Success", value: { _tag: "Failure" } })
      yield* TestClock.adjust("1 minute")
    }).pipe(provided))

  it.effect("AI-16 · no read, no write; a reader waits for the write, for storeTimeout at most", () =>
    overFake(function*(fake) {
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", hour))
      expect([yield* CachePolicy.disable("set")(get), yield* Cached.has("k")]).toEqual([1, false])
      expect([yield* CachePolicy.disable("get")(get), yield* CachePolicy.disable("get")(get), yield* get]).toEqual([
        2,
        3,
        3
      ])
      fake.behave = (operation) => operation === "set" ? { before: Effect.never } : {}
      const reader = yield* start(CachePolicy.disable("get")(get))
      yield* settle
      yield* TestClock.adjust("499 millis")
      expect(reader.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      yield* settle
      expect(reader.pollUnsafe()).toEqual(Exit.succeed(4))
      const hasty = yield* start(load.pipe(Cached.ttl("l", { ...hour, waitForWrite: false })))
      yield* settle
      expect(hasty.pollUnsafe()).toEqual(Exit.succeed(5))
      yield* TestClock.adjust("500 millis")
      fake.behave = () => ({})
    }))

  it.effect("AI-17 · work that takes longer than the lease is one load, across caches on one folder", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const engine = Layer.build(Layer.fresh(CacheLayer.disk({ directory, lease: "1 second" })))
      const [one, other] = [yield* engine, yield* engine]
      const { counts, load } = counting(3000)
      const get = load.pipe(Cached.ttl("k", hour))
      const readers = yield* Effect.forEach([one, one, other, other], (cache) => start(Effect.provide(get, cache)))
      for (let i = 0; i < 40; i++) {
        yield* settle
        yield* TestClock.adjust("100 millis")
      }
      expect(yield* Effect.forEach(readers, Fiber.join)).toEqual([1, 1, 1, 1])
      expect(counts.started).toBe(1)
    }))

  it.effect("AI-18 · many: asked for what is missing, not for nothing; others are stored by hand", () =>
    Effect.gen(function*() {
      const calls: Array<ReadonlyArray<number>> = []
      const users = Cached.many(User, (keys) =>
        Effect.gen(function*() {
          calls.push(keys.map(({ id }) => id))
          yield* Cached.setMany([[new User({ id: 9 }), "extra"]])
          return keys.map(({ id }) => Exit.succeed(`user ${id}`))
        }), { ...hour, when: (_, key) => (key as User).id !== 3 })
      const read = (...ids: ReadonlyArray<number>) => users(ids.map((id) => ({ id })))
      expect(yield* read()).toEqual([])
      yield* read(1, 2)
      yield* read(2, 1, 9)
      yield* read(3, 2)
      expect(yield* read(3, 9)).toEqual([Exit.succeed("user 3"), Exit.succeed("extra")])
      expect(calls).toEqual([[1, 2], [3], [3]])
    }).pipe(provided))
})

describe("pages about other caches deny nothing that exists", () => {
  const root = resolve(import.meta.dirname, "../..")
  const pages = globSync(["docs/coming-from.md", "docs/coming-from/*.md", "docs/compare.md"], { cwd: root })
  const denials = {
    "CacheLayer.redis": [
      CacheLayer.redis,
      /no Redis|Redis (is|comes) (not|later)|between machines there is nothing|: one machine/i
    ],
    "a cluster with CacheLayer.redis": [
      CacheLayer.redis,
      /no (backplane|client-side caching|cluster)|backplane (is|comes) (not|later)/i
    ],
    "Weigher.bytes": [Weigher.bytes, /no (weights|sizes)\b|pluses:[^.]*\b(weights|sizes)\b/i],
    "the eviction wTinyLfu": [policies.wTinyLfu, /no (TinyLFU|W-TinyLFU)|pluses:[^.]*TinyLFU/i],
    "Transaction.run": [Transaction.run, /no transactions/i],
    "Cached.stream": [Cached.stream, /no streams/i],
    "Lock.make": [Lock.make, /no locks?\b(?! against)/i]
  } as const

  it.each(Object.entries(denials))("%s", (_, [exported, denial]) => {
    expect(exported).toBeDefined()
    const denying = pages.filter((page) => denial.test(readFileSync(join(root, page), "utf8")))
    expect(denying).toEqual([])
  })
})
