/** The programs of cashews' README, as they are written here, with the calls that they are to make. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Lock, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import * as Looking from "../../support/looking.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"

class ValueError extends Schema.TaggedError<ValueError>()("ValueError", {}) {}
class Bug extends Schema.TaggedError<Bug>()("Bug", {}) {}

const provided = Effect.provide(CacheLayer.memory())

/** An API whose every answer is another one. */
const api = () => {
  const state = { calls: 0, error: undefined as ValueError | Bug | undefined }
  const call = Effect.suspend(() => {
    state.calls++
    return state.error === undefined ? Effect.succeed({ status: state.calls }) : Effect.fail(state.error)
  })
  return { call, state }
}

describe("cashews' README", () => {
  it.effect("usage: a decorator with a key, and a value by hand", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const longRunningFunction = (request: { readonly user: { readonly uid: string } }) =>
        call.pipe(Cached.ttl(`user:${request.user.uid}`, { ttl: "3h" }))
      const request = { user: { uid: "ada" } }
      yield* longRunningFunction(request)
      yield* longRunningFunction(request)
      yield* longRunningFunction({ user: { uid: "bob" } })
      expect(state.calls).toBe(2)
      yield* Cached.set("ada", request.user, { ttl: "20h" })
      expect(yield* Cached.getOption("ada")).toEqual(Option.some(request.user))
    }).pipe(provided))

  it.effect("basic API: every command", () =>
    Effect.gen(function*() {
      expect(yield* Cached.set("key", 90, { ttl: "60s" })).toBe(true)
      expect(yield* Cached.set("key", 91, { ifAbsent: true })).toBe(false)
      expect(yield* Cached.getMany(["key", "key2"])).toEqual([Option.some(90), Option.none()])
      yield* Cached.setMany([["pattern:1", 1], ["pattern:2", 2]])
      expect(new Map(yield* Stream.runCollect(Cached.getMatching("pattern:*"))))
        .toEqual(new Map([["pattern:1", 1], ["pattern:2", 2]]))
      expect(yield* Cached.counter("counter").increment()).toBe(1)
      expect(yield* Cached.touch("key", "10s")).toBe(true)
      expect(yield* Looking.expiresIn("key")).toEqual(Option.some(Duration.seconds(10)))
      expect((yield* Stream.runCollect(Cached.entries("pattern:*"))).map(({ id }) => id).toSorted())
        .toEqual(["pattern:1", "pattern:2"])
      expect([yield* Cached.remove("key"), yield* Cached.remove(["key", "pattern:1"])]).toEqual([true, 1])
      expect(yield* Cached.remove({ matching: "pattern:*" })).toBe(1)
      yield* Store.ping
      yield* Cached.clear
      const lock = yield* Lock.Lock
      expect(yield* lock.isLocked("key")).toBe(false)
      yield* Effect.scoped(Effect.andThen(
        lock.acquire("key", { lease: "10s", wait: 0 }),
        Effect.map(lock.isLocked("key"), (isLocked) => expect(isLocked).toBe(true))
      ))
      expect(yield* lock.isLocked("key")).toBe(false)
    }).pipe(provided))

  it.effect("disabled: for a part of a program, single commands, and altogether", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const get = call.pipe(Cached.ttl("k", { ttl: "1h" }))
      yield* get
      yield* get.pipe(CachePolicy.bypass)
      expect(state.calls).toBe(2)
      expect(yield* Cached.remove("k").pipe(CachePolicy.disable("remove"))).toBe(false)
      yield* Effect.andThen(get, get).pipe(Effect.provide(CacheLayer.disabled))
      expect(state.calls).toBe(4)
    }).pipe(provided))

  it.effect("failover: the given failures are answered with the last value, others are not", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const getStatus = (name: string) =>
        call.pipe(Cached.failover(`get_status:name:${name}`, { ttl: "2h", fallbackOn: ["ValueError"] }))
      expect(yield* getStatus("a")).toEqual({ status: 1 })
      expect(yield* getStatus("a")).toEqual({ status: 2 })
      state.error = new ValueError()
      expect(yield* getStatus("a")).toEqual({ status: 2 })
      expect(yield* Effect.flip(getStatus("b"))).toBeInstanceOf(ValueError)
      state.error = new Bug()
      expect(yield* Effect.flip(getStatus("a"))).toBeInstanceOf(Bug)
    }).pipe(provided))

  it.effect("failover: failures by default, for all", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const strategy = { strategy: "failover", ttl: "2h" } as const
      const getStatus = call.pipe(Cached.withStrategy("get_status", { strategy }))
      yield* getStatus
      state.error = new ValueError()
      expect(yield* getStatus).toEqual({ status: 1 })
      state.error = new Bug()
      expect(yield* Effect.flip(getStatus)).toBeInstanceOf(Bug)
    }).pipe(Effect.provide(CacheLayer.memory({ defaults: { fallbackOn: ["ValueError"] } }))))

  it.effect("hit: a hundred hits, and from the second on a refresh behind each", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const get = (options: { readonly refreshAfter?: number }) =>
        call.pipe(Cached.maxHits(`get:${options.refreshAfter}`, { ttl: "2h", hits: 100, ...options }))
      for (let i = 0; i < 101; i++) yield* get({})
      expect(state.calls).toBe(1)
      yield* get({})
      expect(state.calls).toBe(2)
      const statuses: Array<number> = []
      for (let i = 0; i < 4; i++) {
        statuses.push((yield* get({ refreshAfter: 2 })).status)
        yield* TestClock.adjust(1)
      }
      expect(statuses).toEqual([3, 3, 3, 4])
    }).pipe(provided))

  it.effect("early: after seven minutes the value is refreshed in the background", () =>
    Effect.gen(function*() {
      const { call } = api()
      const get = call.pipe(Cached.refreshAhead("get", { ttl: "10m", refreshAfter: "7m" }))
      const first = yield* get
      yield* TestClock.adjust("7 minutes")
      const early = yield* get
      yield* TestClock.adjust(1)
      expect([first, early, yield* get]).toEqual([{ status: 1 }, { status: 1 }, { status: 2 }])
    }).pipe(provided))

  it.effect("soft: after seven minutes a new result, or the old one where that fails; after ten the failure", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const get = call.pipe(Cached.softTtl("get", { ttl: "10m", softTtl: "7m", fallbackOn: "all" }))
      yield* get
      yield* TestClock.adjust("7 minutes")
      expect(yield* get).toEqual({ status: 2 })
      state.error = new ValueError()
      yield* TestClock.adjust("7 minutes")
      expect(yield* get).toEqual({ status: 2 })
      yield* TestClock.adjust("3 minutes")
      expect(yield* Effect.flip(get)).toBeInstanceOf(ValueError)
    }).pipe(provided))

  it.effect("locked: exactly one call for all concurrent callers", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const get = call.pipe(Cached.ttl("get", { ttl: "10m" }))
      yield* Effect.all(Array.from({ length: 100 }, () => get), { concurrency: "unbounded" })
      expect(state.calls).toBe(1)
    }).pipe(provided))

  it.effect("condition: no None, no \"test\", and nothing that was quick", () =>
    Effect.gen(function*() {
      yield* Effect.succeed(null).pipe(Cached.ttl("none", { ttl: "1h", storeIf: (value) => value !== null }))
      yield* Effect.succeed("test").pipe(Cached.ttl("test", { ttl: "1h", storeIf: (value) => value !== "test" }))
      yield* Effect.succeed("quick").pipe(Cached.ttl("quick", { ttl: "1h", minLoad: "3s" }))
      expect(yield* Cached.size).toBe(0)
    }).pipe(provided))

  it.effect("keys: of all parameters, without self, and in a form of one's own", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      // The host is what makes a difference between two instances, their place in memory is not.
      class MyClass {
        readonly host: string
        constructor(host: string) {
          this.host = host
        }
        readonly getName = Cached.fn(
          (user: string, version = "v1") => `${this.host}:name:${user}:${version}`,
          () => call,
          { ttl: "2h" }
        )
      }
      yield* new MyClass("http://example.com").getName("me", "v2")
      yield* new MyClass("http://example.com").getName("me", "v2")
      expect([state.calls, new MyClass("http://example.com").getName.key("me")])
        .toEqual([1, "http://example.com:name:me:v1"])
      const price = Cached.fn(
        (item: { readonly price: number; readonly currency: string }) =>
          `price-${item.price.toFixed(2)}:${item.currency.toUpperCase()}`,
        () => call,
        { ttl: "2h" }
      )
      expect(price.key({ price: 10, currency: "usd" })).toBe("price-10.00:USD")
    }).pipe(provided))

  it.effect("ttl: a number, a Duration, text, and a function", () =>
    Effect.gen(function*() {
      const get = (itemId: number, ttl: Parameters<typeof Cached.touch>[1]) =>
        Effect.succeed(itemId).pipe(Cached.ttl(`${itemId}`, { ttl }))
      yield* get(1, 60 * 10 * 1000)
      yield* get(2, Duration.minutes(10))
      yield* get(3, "10m")
      class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.Int }) {}
      const item = Cached.fn(Item, ({ id }) => Effect.succeed(id), { ttl: (_, { id }) => id > 10 ? "2h" : "1h" })
      yield* item({ id: 11 })
      const lives = yield* Effect.forEach(["1", "2", "3", item.key({ id: 11 })], Looking.expiresIn)
      expect(lives.map(Option.map(Duration.toMinutes))).toEqual([10, 10, 10, 120].map(Option.some))
    }).pipe(provided))

  it.effect("invalidation: after what changes the data, by pattern and by a key of the result", () =>
    Effect.gen(function*() {
      const { call, state } = api()
      const userItems = Cached.fn((id: number) => `user_items:${id}`, () => call, { ttl: "1d" })
      const items = Cached.fn((page: number) => `items:page:${page}`, () => call, { ttl: "3h" })
      const createItem = (user: { readonly id: number }) =>
        Effect.succeed(user).pipe(
          Cached.invalidateAfter(({ value }) => [{ matching: "items:page:*" }, userItems.key(value.id)])
        )
      const all = Effect.all([userItems(1), userItems(2), items(1), items(2)])
      yield* all
      yield* all
      expect(state.calls).toBe(4)
      yield* createItem({ id: 1 })
      yield* all
      expect(state.calls).toBe(7)
      yield* Cached.set("key", "value")
      expect(yield* CachePolicy.invalidating(Cached.getOption("key"))).toEqual(Option.none())
      expect(yield* Cached.has("key")).toBe(false)
    }).pipe(provided))

  it.effect("a changed result: the schema is part of the key", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const run = Effect.provide(Layer.fresh(CacheLayer.disk({ directory })), { local: true })
      const payload = { id: Schema.Int }
      class Before extends CacheKey.Class<Before>()("user", {
        payload,
        success: Schema.Struct({ name: Schema.String, surname: Schema.String })
      }) {}
      class After extends CacheKey.Class<After>()("user", {
        payload,
        success: Schema.Struct({ fullName: Schema.String })
      }) {}
      const before = Cached.fn(Before, () => Effect.succeed({ name: "Dmitry", surname: "Krykov" }), { ttl: "1d" })
      const after = Cached.fn(After, () => Effect.succeed({ fullName: "Dmitry Krykov" }), { ttl: "1d" })
      expect(yield* run(before({ id: 1 }))).toEqual({ name: "Dmitry", surname: "Krykov" })
      expect(yield* run(after({ id: 1 }))).toEqual({ fullName: "Dmitry Krykov" })
    }).pipe(Effect.scoped))

  it.effect("detect: where a response comes from, as headers", () =>
    Effect.gen(function*() {
      const { call } = api()
      const response = call.pipe(Cached.ttl("my:key", { ttl: "10s" }))
      const withHeaders = Effect.map(Cached.detect(response), ([_, [read]]) =>
        read?.source === "memory"
          ? { "X-From-Cache": read.key, "X-From-Cache-Expire-In-Seconds": `${read.ttlMillis / 1000}` }
          : {})
      expect(yield* withHeaders).toEqual({})
      yield* TestClock.adjust("3 seconds")
      expect(yield* withHeaders).toEqual({ "X-From-Cache": "my:key", "X-From-Cache-Expire-In-Seconds": "7" })
    }).pipe(provided))

  it.effect("middleware: a line for each command of the store", () => {
    const lines: Array<string> = []
    const store = MemoryStore.layer.pipe(Store.tap({
      around: ({ ids, operation }, effect) =>
        Effect.andThen(Effect.sync(() => lines.push(`=> Cache request: ${operation} ${ids}`)), effect)
    }))
    return Effect.gen(function*() {
      yield* Cached.set("key", 1)
      expect(yield* Cached.remove("key")).toBe(true)
      expect(lines).toEqual(["=> Cache request: set key", "=> Cache request: remove key"])
      expect(yield* Effect.exit(Store.ping)).toEqual(Exit.void)
    }).pipe(Effect.provide(Layer.provide(CacheLayer.layer(), store)))
  })
})
