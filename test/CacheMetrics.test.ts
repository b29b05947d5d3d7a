/** Metrics: what is counted, which series there are, and when they leave. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Metric, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching, Guard, Transaction } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { MemoryStore } from "effect-cached/memory"
import type { Change } from "effect-cached/Store"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, settle, start, within } from "./support/caches.ts"
import { sized } from "./support/everything.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.String },
  success: Schema.Number,
  error: Schema.String
}) {}

/** The values of a metric in a registry, by the labels that are not `cache` or `unit`. */
const valuesOf = (registry: Metric.MetricRegistry, name: string): { readonly [labels: string]: number } => {
  const context = Context.make(Metric.MetricRegistry, registry)
  const all = Metric.snapshotUnsafe(context).filter(({ id }) => id === `effect_cached_${name}`)
  return Object.fromEntries(all.map(({ attributes, state }) => {
    const { cache: _, unit: __, ...labels } = attributes ?? {}
    const { count, value } = state as { readonly count?: number; readonly value?: number }
    return [Object.values(labels).join(" "), count ?? value!]
  }))
}

const nonzero = (values: { readonly [labels: string]: number }) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0))

const withRegistry = <A, E>(
  use: (registry: Metric.MetricRegistry, layer: typeof CacheMetrics.layer) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const registry: Metric.MetricRegistry = new Map()
    const layer = ((cache, options) =>
      Layer.provide(
        CacheMetrics.layer(cache, options),
        Layer.succeed(Metric.MetricRegistry, registry)
      )) as typeof CacheMetrics.layer
    return use(registry, layer)
  })

describe("reads are counted once, as Cached.detect reports them", () => {
  const step = Schema.Literals([
    ...["ttl", "softTtl", "ahead", "failover", "readOnly", "refresh", "many", "bulk", "transaction"] as const,
    ...["later", "much later", "fail", "work", "invalidate", "soft", "forget"] as const
  ])
  const steps = Schema.Array(Schema.Struct({ what: step, key: Schema.Literals(["a", "b"]), text: Schema.Boolean }))
    .check(Schema.isMinLength(10), Schema.isMaxLength(40))

  describe.each(caches)("over $name", (cache) => {
    it.effect.prop("reads of all kinds", [steps], ([steps]) =>
      withRegistry((registry, layer) => {
        const seen: Record<string, number> = {}
        let fails = false
        const load = Effect.suspend(() => fails ? Effect.fail("down") : Effect.succeed(1))
        const options = { ttl: "1 minute", tags: ["t"], retryAfter: "2 seconds" } as const
        const read = (id: User | string, what: string): Effect.Effect<number, string, Caching.Caching> => {
          const key = id as string
          switch (what) {
            case "softTtl":
              return load.pipe(Cached.softTtl(key, { ...options, softTtl: "5 seconds", fallbackOn: "all" }))
            case "ahead":
              return load.pipe(Cached.refreshAhead(key, { ...options, refreshAfter: "5 seconds" }))
            case "failover":
              return load.pipe(Cached.failover(key, { ...options, fallbackOn: "all" }))
            case "readOnly":
              return CachePolicy.disable("set")(load.pipe(Cached.ttl(key, options)))
            case "refresh":
              return CachePolicy.refresh(load.pipe(Cached.ttl(key, options)))
            default:
              return load.pipe(Cached.ttl(key, options))
          }
        }
        const bulk = Cached.many(User, (keys) => Effect.forEach(keys, () => Effect.exit(load)), {
          strategy: "softTtl",
          ttl: "1 minute",
          softTtl: "5 seconds",
          tags: ["t"],
          fallbackOn: "all"
        })
        const run = Effect.gen(function*() {
          for (const { key: id, text, what } of steps) {
            const key = text ? id : new User({ id })
            if (what === "later") yield* TestClock.adjust("3 seconds")
            else if (what === "much later") yield* TestClock.adjust("50 seconds")
            else if (what === "fail" || what === "work") fails = what === "fail"
            else if (what === "invalidate") yield* Cached.invalidate(key)
            else if (what === "soft") yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
            else if (what === "forget") yield* Cached.remove(key)
            else {
              const once = what === "transaction"
                ? Transaction.run(Effect.exit(read(key, "ttl")))
                : what === "many"
                ? Effect.all([read("a", "ttl"), read("b", "softTtl"), read("a", "ttl")].map(Effect.exit), {
                  concurrency: "unbounded"
                })
                : what === "bulk"
                ? Effect.exit(bulk([{ id: "a" }, { id: "b" }, { id: "c" }]))
                : Effect.exit(read(key, what))
              const reading = yield* start(Cached.detect(once as Effect.Effect<unknown, never, Caching.Caching>))
              yield* settle
              // It may wait for a refresh that pauses between its tries.
              if (reading.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
              const [, detected] = yield* Fiber.join(reading)
              for (const { source } of detected) seen[source] = (seen[source] ?? 0) + 1
            }
          }
          // Refreshes and their retries end.
          yield* TestClock.adjust("10 minutes")
          const counted: Record<string, number> = {}
          for (const [labels, count] of Object.entries(nonzero(valuesOf(registry, "reads_total")))) {
            const source = labels.split(" ").at(-1)!
            counted[source] = (counted[source] ?? 0) + count
          }
          expect(counted).toEqual(seen)
          const { loads } = yield* Cached.stats
          const ended = Object.values(valuesOf(registry, "loads_total")).reduce((sum, count) => sum + count, 0)
          expect(ended).toBe(loads)
          expect(valuesOf(registry, "flights")[""]).toBe(0)
        })
        return within(layer(cache.layer()), run)
      }), { arbitrary: { runs: sized(60, 25) } })
  })
})

describe("at each moment", () => {
  const step = Schema.Literals(["read", "slow", "set", "invalidate", "tag", "soft", "clear", "later", "much later"])
  const steps = Schema.Array(Schema.Struct({ what: step, key: Schema.Literals(["a", "b", "c", "d", "e"]) }))
    .check(Schema.isMinLength(20), Schema.isMaxLength(60))

  it.effect.prop(
    "entries put in less removed are the entries, loads begun less ended are the flights",
    [steps],
    ([steps]) =>
      withRegistry((registry, layer) => {
        let puts = 0
        let begun = 0
        const weigher = () => {
          puts++
          return 1
        }
        const sum = (name: string): number =>
          Object.values(valuesOf(registry, name)).reduce((all, count) => all + count, 0)
        const load = (millis: number) =>
          Effect.suspend(() => {
            begun++
            return Effect.as(Effect.sleep(millis), 1)
          })
        const options = { ttl: "1 minute", tags: ["t"] } as const
        const run = Effect.gen(function*() {
          for (const { key, what } of steps) {
            if (what === "later") yield* TestClock.adjust("3 seconds")
            else if (what === "much later") yield* TestClock.adjust("50 seconds")
            else if (what === "set") yield* Cached.set(key, 2, options)
            else if (what === "invalidate") yield* Cached.invalidate(key)
            else if (what === "clear") yield* Cached.clear
            else if (what === "tag" || what === "soft") {
              yield* Cached.invalidate({ tag: "t" }, { mode: what === "soft" ? "soft" : "hard" })
            } else yield* start(Cached.ttl(load(what === "slow" ? 5000 : 1), key, options))
            yield* settle
            yield* Cached.stats
            expect(puts - sum("removals_total")).toBe(sum("entries"))
            expect(begun - sum("loads_total")).toBe(sum("flights"))
          }
          yield* TestClock.adjust("10 minutes")
          yield* Cached.stats
          expect([sum("entries"), sum("flights"), sum("removals_total")]).toEqual([0, 0, puts])
        })
        return within(layer(CacheLayer.memory({ maxWeight: 3, weigher })), run)
      }),
    { arbitrary: { runs: sized(60, 25) } }
  )
})

it.effect("long bulk calls are counted, too", () =>
  withRegistry((registry, layer) =>
    Effect.gen(function*() {
      const users = Cached.many(User, (keys) => Effect.succeed(keys.map(() => Exit.succeed(1))), { ttl: "1 hour" })
      const all = Array.from({ length: 1000 }, (_, i) => ({ id: String(i) }))
      yield* users(all)
      yield* users(all)
      expect(nonzero(valuesOf(registry, "reads_total"))).toEqual({ "User load": 1000, "User memory": 1000 })
      expect(nonzero(valuesOf(registry, "loads_total"))).toEqual({ "User read success": 1000 })
    }).pipe(Effect.provide(layer(CacheLayer.memory())))
  ))

describe("the series", () => {
  const text = PrometheusMetrics.format()

  it.effect("of a layer that is gone are gone", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const one = Cached.ttl(Effect.succeed(1), "one", { ttl: "1 hour" })
        const size = yield* Effect.provide(Effect.map(one, () => registry.size), layer(CacheLayer.memory()))
        expect(size).toBeGreaterThan(10)
        expect(registry.size).toBe(0)
      })
    ))

  it.effect("have labels for cache and class, and never a key, a tag or a value", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const user = Cached.fn(User, ({ id }) => Effect.succeed(id.length), { tags: ["secret tag"], ttl: "1 hour" })
        yield* user({ id: "secret key" })
        yield* user({ id: "secret key" })
        yield* Cached.set("another secret", "secret value")
        yield* Cached.invalidate({ tag: "secret tag" })
        yield* Cached.invalidate("another secret")
        const lines = yield* Effect.provideService(text, Metric.MetricRegistry, registry)
        expect(lines).not.toContain("secret")
        expect(lines).toContain(`effect_cached_reads_total{cache="shop",class="User",source="memory"} 1`)
        expect(lines).toContain(`effect_cached_reads_total{cache="shop",class="User",source="load"} 1`)
        expect(lines).toContain(
          `effect_cached_loads_total{cache="shop",class="User",origin="read",outcome="success"} 1`
        )
        expect(lines).toContain(`effect_cached_load_seconds_count{cache="shop",class="User"} 1`)
        expect(lines).toContain(`effect_cached_invalidations_total{cache="shop",kind="tag",mode="hard"} 1`)
        expect(lines).toContain(`effect_cached_removals_total{cache="shop",cause="invalidated"} 1`)
        // An entry whose tag was invalidated is in memory until it is read.
        expect(lines).toContain(`effect_cached_entries{cache="shop"} 1`)
      }).pipe(Effect.provide(layer(CacheLayer.memory(), { name: "shop" })))
    ))

  it.effect("of more classes than maxClasses are shared", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        for (let i = 0; i < 300; i++) {
          class Key extends CacheKey.Class<Key>()(`Class${i}`, { payload: { id: Schema.Int }, success: Schema.Int }) {}
          for (let id = 0; id < 3; id++) yield* Cached.ttl(Effect.succeed(id), new Key({ id }), { ttl: "1 hour" })
        }
        const reads = nonzero(valuesOf(registry, "reads_total"))
        expect(Object.keys(reads)).toHaveLength(11)
        expect(reads["Class3 load"]).toBe(3)
        expect(reads["other load"]).toBe(870)
      }).pipe(Effect.provide(layer(CacheLayer.memory(), { maxClasses: 10 })))
    ))

  it.effect("of a cache with an odd name have it escaped", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        yield* Cached.ttl(Effect.succeed(1), "one", { ttl: "1 hour" })
        const lines = yield* Effect.provideService(text, Metric.MetricRegistry, registry)
        expect(lines).toContain(`cache="with \\"quotes\\", a \u202e and a \\\\"`)
        for (const line of lines.trim().split("\n")) {
          expect(line).toMatch(/^(# (HELP|TYPE) .*|\w+\{(\w+="([^"\\]|\\.)*",?)*\} \S+)$/)
        }
      }).pipe(Effect.provide(layer(CacheLayer.memory(), { name: `with "quotes", a \u202e and a \\` })))
    ))

  it.effect("of two caches of one name differ in a label, and one warning names them", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const logged: Array<unknown> = []
        const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
        const make = Layer.build(Layer.fresh(layer(CacheLayer.memory(), { name: "twin" }))).pipe(Effect.provide(logger))
        const [first, second] = [yield* make, yield* make]
        const read = Cached.ttl(Effect.succeed(1), "one", { ttl: "1 hour" })
        yield* Effect.provide(read, first)
        yield* Effect.provide(Effect.andThen(read, read), second)
        expect(nonzero(valuesOf(registry, "reads_total"))).toEqual({ " load": 1, "2  load": 1, "2  memory": 1 })
        expect(logged).toEqual([expect.stringContaining(`cache_instance="2"`)])
      }).pipe(Effect.scoped)
    ))

  it.effect("of loads tell what they ended with", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const options = { ttl: "1 hour", softTtl: "1 second", retryAfter: 0, fallbackOn: "all" } as const
        const { load } = counting(250)
        const slow = yield* start(Cached.ttl(load, "slow", { ttl: "1 hour" }))
        yield* settle
        expect(valuesOf(registry, "flights")).toEqual({ "": 1 })
        expect(valuesOf(registry, "waiters")).toEqual({ "": 1 })
        yield* TestClock.adjust(250)
        expect(Exit.isSuccess(yield* Effect.exit(Effect.andThen(settle, slow.pollUnsafe()!)))).toBe(true)
        yield* Cached.softTtl(Effect.succeed(1), "k", options)
        yield* TestClock.adjust("2 seconds")
        yield* Cached.softTtl(Effect.fail("down"), "k", options)
        const refused = yield* start(Cached.ttl(load, "refused", { ttl: "1 hour" }))
        yield* settle
        yield* Cached.invalidate("refused")
        yield* TestClock.adjust(250)
        expect(refused.pollUnsafe()).toBeDefined()
        expect(nonzero(valuesOf(registry, "loads_total"))).toEqual({ " read success": 3, " read failure": 1 })
        expect(nonzero(valuesOf(registry, "not_stored_total"))).toEqual({ " changed": 1 })
        expect(nonzero(valuesOf(registry, "reads_total"))).toEqual({ " load": 3, " fallback": 1 })
        const context = Context.make(Metric.MetricRegistry, registry)
        const histogram = Metric.snapshotUnsafe(context).find(({ id }) => id === "effect_cached_load_seconds")!
        const { buckets, count, sum } = histogram.state as Metric.HistogramState
        expect({ count, sum }).toEqual({ count: 4, sum: 0.5 })
        expect(buckets.filter(([boundary]) => boundary === 0.1 || boundary === 0.25)).toEqual([[0.1, 2], [0.25, 4]])
      }).pipe(Effect.provide(layer(CacheLayer.memory())))
    ))

  it.effect.each([true, false])(
    "of reads tell what is stale apart from hits, each reader once (memory: %s)",
    (memory) =>
      withRegistry((registry, layer) => {
        const fake = fakeStore()
        fake.behave = () => ({ before: Effect.sleep(5) })
        const options = { ttl: "1 hour", timeout: "1 minute" } as const
        const ahead = Cached.refreshAhead(Effect.delay(Effect.succeed(1), "1 second"), "k", {
          ...options,
          refreshAfter: "30 minutes"
        })
        const down = Cached.failover(Effect.fail("down"), "k", { ...options, retryAfter: "1 hour", fallbackOn: "all" })
        const seen = (read: Effect.Effect<unknown, unknown, Caching.Caching>) =>
          Effect.gen(function*() {
            yield* start(read)
            yield* start(read)
            for (const millis of [5, 5, 1000, 5]) yield* Effect.andThen(TestClock.adjust(millis), settle)
            return nonzero(valuesOf(registry, "reads_total"))
          })
        return within(
          layer(over(fake, { memory })),
          Effect.gen(function*() {
            yield* seen(ahead)
            const hit = { " load": 1, " joined": 1, [memory ? " memory" : " store"]: 2 }
            expect(yield* seen(ahead)).toEqual(hit)
            yield* TestClock.adjust("40 minutes")
            expect(yield* seen(ahead)).toEqual({ ...hit, " stale": 2 })
            expect(yield* seen(down)).toEqual({ ...hit, " stale": 2, " fallback": 2 })
            expect(yield* seen(down)).toEqual({ ...hit, " stale": 4, " fallback": 2 })
          })
        )
      })
  )

  it.effect("of a store tell its operations, its faults and its state", () =>
    withRegistry((registry, layer) => {
      const fake = fakeStore()
      let isDown = false
      fake.behave = () => isDown ? { before: Effect.never } : {}
      return within(
        layer(over(fake, { storeTimeout: "1 second" })),
        Effect.gen(function*() {
          const read = (key: string) => Cached.ttl(Effect.succeed(1), key, { ttl: "1 hour" })
          yield* read("a")
          const operations = valuesOf(registry, "store_operations_total")
          expect(operations).toMatchObject({ "get success": 1, "commit success": 1 })
          expect(valuesOf(registry, "store_seconds")).toMatchObject({ get: 1, commit: 1 })
          isDown = true
          for (const key of ["b", "c", "d"]) {
            const fiber = yield* start(read(key))
            yield* TestClock.adjust("10 seconds")
            expect(fiber.pollUnsafe()).toEqual(Exit.succeed(1))
          }
          expect(valuesOf(registry, "circuit_open")).toEqual({ "": 1 })
          const fiber = yield* start(Cached.invalidate("a"))
          yield* TestClock.adjust("10 seconds")
          expect(fiber.pollUnsafe()).toBeDefined()
          expect(valuesOf(registry, "pending_invalidations")).toEqual({ "": 1 })
          expect(valuesOf(registry, "store_operations_total")["get Timeout"]).toBeGreaterThan(0)
          isDown = false
        })
      )
    }))

  it.effect("of a store that answers through a callback tell the time of each question", () =>
    withRegistry((registry, layer) => {
      const inner = MemoryStore.make()
      let answer = () => {}
      const store: Store.Store = {
        ...inner,
        getUnsafe: undefined,
        getCallback: (id, tags, done) => void (answer = () => done(Exit.succeed(inner.getUnsafe(id, tags))))
      }
      const cache = Layer.provide(CacheLayer.layer({ storeTimeout: "1 second" }), Layer.succeed(Store.Store, store))
      return Effect.gen(function*() {
        const read = (key: string) => start(Cached.ttl(Effect.succeed(1), key, { ttl: "1 hour" }))
        yield* Cached.set("a", 1)
        yield* Cached.resize(1)
        yield* Cached.set("c", 1)
        yield* TestClock.adjust("1 minute")
        yield* read("a")
        yield* TestClock.adjust(500)
        answer()
        yield* settle
        expect(valuesOf(registry, "store_operations_total")).toMatchObject({ "get success": 1 })
        yield* read("b")
        yield* TestClock.adjust("1 second")
        expect(valuesOf(registry, "store_operations_total")).toMatchObject({ "get success": 1, "get Timeout": 1 })
        const context = Context.make(Metric.MetricRegistry, registry)
        const seconds = Metric.snapshotUnsafe(context).find(({ attributes, id }) =>
          id === "effect_cached_store_seconds" && attributes?.["operation"] === "get"
        )!
        expect(seconds.state).toMatchObject({ count: 2, sum: 1.5 })
      }).pipe(Effect.provide(layer(cache)))
    }))

  it.effect("of a store that refuses connections say so until it answers", () =>
    withRegistry((registry, layer) => {
      const fake = fakeStore()
      const refused = Effect.fail(new StoreError({ store: "fake", operation: "get", reason: "Unavailable" }))
      let isDown = true
      fake.behave = () => isDown ? { before: refused } : {}
      const failing = () => valuesOf(registry, "store_failing")[""]
      return within(
        layer(over(fake)),
        Effect.gen(function*() {
          expect(failing()).toBe(0)
          yield* Cached.ttl(Effect.succeed(1), "a", { ttl: "1 hour" })
          expect(failing()).toBe(1)
          expect(valuesOf(registry, "circuit_open")).toEqual({ "": 0 })
          isDown = false
          yield* TestClock.adjust("10 seconds")
          yield* Cached.ttl(Effect.succeed(1), "b", { ttl: "1 hour" })
          expect(failing()).toBe(0)
        })
      )
    }))

  it.effect("of a store say that changes cannot be followed, unless it promises none, or not all", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const near = MemoryStore.make()
        const told = (changes: Store.Store["changes"] | undefined): Store.Store => ({
          ...near,
          capabilities: { ...near.capabilities, shared: true, changes: changes !== undefined },
          changes: changes ?? Stream.never,
          changesUnsafe: undefined
        })
        const why = new StoreError({ store: "told", operation: "listen", reason: "Denied" })
        const open = (first: Change) => Stream.concat(Stream.make(first), Stream.never)
        const stores = {
          none: told(undefined),
          chosen: told(open({ _tag: "Partial" })),
          all: told(open({ _tag: "Coherent" })),
          refused: told(open({ _tag: "Partial", why })),
          fails: told(Stream.fail(why)),
          // Promised not all, and then nothing.
          lost: told(Stream.concat(Stream.make<[Change]>({ _tag: "Partial" }), Stream.fail(why)))
        }
        for (const [name, store] of Object.entries(stores)) {
          const cache = Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, store))
          yield* Layer.build(Layer.fresh(layer(cache, { name })))
        }
        yield* settle
        const lines = yield* Effect.provideService(text, Metric.MetricRegistry, registry)
        const untracked = Array.from(
          lines.matchAll(/effect_cached_untracked\{cache="(\w+)"\} (\d)/g),
          ([, name, value]) => [
            name,
            Number(value)
          ]
        )
        expect(Object.fromEntries(untracked)).toEqual({ none: 0, chosen: 0, all: 0, refused: 1, fails: 1, lost: 1 })
      }).pipe(Effect.scoped)
    ))

  it.effect("of a store count the bytes of values, and the waits for leases of other processes", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const store: Store.Store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
        const cache = Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, store))
        const make = (name: string) => Layer.build(Layer.fresh(layer(cache, { name })))
        const [first, second] = [yield* make("first"), yield* make("second")]
        yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
        const read = Effect.as(Effect.sleep(500), "x".repeat(100)).pipe(Cached.ttl("k", { ttl: "1 hour" }))
        const reading = yield* start(Effect.provide(read, first))
        yield* settle
        const waiting = yield* start(Effect.provide(read, second))
        for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust(50), settle)
        expect([reading, waiting].map((fiber) => fiber.pollUnsafe()?._tag)).toEqual(["Success", "Success"])
        const lines = yield* Effect.provideService(text, Metric.MetricRegistry, registry)
        const valueOf = (series: string) => Number(lines.split(`effect_cached_${series} `)[1]?.split("\n")[0])
        expect(valueOf(`store_bytes_total{cache="first",direction="write"}`)).toBeGreaterThan(100)
        expect(valueOf(`store_bytes_total{cache="first",direction="read"}`)).toBe(0)
        expect(valueOf(`store_bytes_total{cache="second",direction="write"}`)).toBe(0)
        expect(valueOf(`store_bytes_total{cache="second",direction="read"}`))
          .toBe(valueOf(`store_bytes_total{cache="first",direction="write"}`))
        expect(valueOf(`lease_wait_seconds_count{cache="second"}`)).toBe(1)
        expect(valueOf(`lease_wait_seconds_sum{cache="second"}`)).toBeGreaterThan(0.4)
        expect(lines).not.toContain(`lease_wait_seconds_count{cache="first"}`)
      }).pipe(Effect.scoped)
    ))

  it.effect("of transactions count each try, and an invalidation once, at its commit", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const invalidate = Effect.all([Cached.invalidate({ tag: "t" }), Cached.invalidate("k"), Cached.clear])
        yield* Effect.exit(Transaction.run(Effect.andThen(invalidate, Effect.fail("back"))))
        expect(nonzero(valuesOf(registry, "invalidations_total"))).toEqual({})
        yield* Transaction.run(Transaction.run(Cached.invalidate({ tag: "t" })))
        yield* Transaction.run(Cached.invalidate("k"))
        yield* Transaction.run(Cached.clear)
        expect(nonzero(valuesOf(registry, "invalidations_total")))
          .toEqual({ "tag hard": 1, "key hard": 1, "all hard": 1 })
        expect((yield* Cached.stats).invalidations).toBe(2)
        expect(valuesOf(registry, "transactions_total")).toEqual({ failed: 1, committed: 3 })
      }).pipe(Effect.provide(layer(CacheLayer.memory())))
    ))

  it.effect("of streams count the pages of the store, and the consumers that lag", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const events = () => valuesOf(registry, "stream_events_total")
        const stream = Stream.range(0, 99).pipe(Stream.rechunk(1), Stream.map((i) => `${i}${"x".repeat(20_000)}`))
        const rows = stream.pipe(Cached.stream("rows", { ttl: "1 hour", maxBytes: 3_000_000 }))
        yield* Stream.runDrain(rows)
        const { pageWritten } = events()
        expect(pageWritten).toBeGreaterThan(10)
        yield* Stream.runDrain(rows)
        expect(events()).toEqual({ pageWritten, pageRead: pageWritten })
        const long = stream.pipe(Cached.stream("long", { ttl: "1 hour", maxBytes: 300_000 }))
        const slow = yield* start(Stream.runDrain(Stream.tap(long, () => Effect.sleep("1 hour"))))
        yield* start(Stream.runDrain(long))
        for (let i = 0; i < 30; i++) yield* Effect.andThen(TestClock.adjust("1 hour"), settle)
        expect(Exit.isFailure(yield* Fiber.await(slow))).toBe(true)
        expect(events()["lagged"]).toBe(1)
      }).pipe(Effect.provide(layer(over({ layer: MemoryStore.layer }, { memory: false }))))
    ))

  it.effect("of guards count the calls that these refuse", () =>
    withRegistry((registry, layer) =>
      Effect.gen(function*() {
        const limited = Effect.void.pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
        const broken = Effect.fail("down").pipe(Guard.circuitBreaker({ key: "api", failures: 1 }))
        const guarded: ReadonlyArray<Effect.Effect<void, unknown>> = [limited, broken]
        for (const call of guarded) for (let i = 0; i < 3; i++) yield* Effect.exit(call)
        expect(valuesOf(registry, "guard_refusals_total")).toEqual({ fixedWindow: 2, circuit: 2 })
      }).pipe(Effect.provide(layer(CacheLayer.memory())))
    ))
})

it("mistakes are refused where they are made", () => {
  const layer = CacheLayer.memory()
  expect(() => CacheMetrics.layer(layer, { name: "" })).toThrow("name of CacheMetrics.layer must be")
  for (const name of ["a\nb", "\u001b[2J", "\0", "x".repeat(101)]) {
    expect(() => CacheMetrics.layer(layer, { name })).toThrow("name of CacheMetrics.layer must have at most 100")
  }
  expect(() => CacheMetrics.layer((() => layer) as never)).toThrow("needs the layer of a cache first")
  expect(() => CacheMetrics.layer(layer, { maxClasses: 0 })).toThrow("maxClasses of CacheMetrics.layer must be")
  expect(() => CacheMetrics.layer(layer, { buckets: [1] } as never)).toThrow(`no option "buckets"`)
  expect(() => CacheMetrics.layer(layer, null as never)).toThrow("CacheMetrics.layer needs options")
})

it.effect("metrics around metrics are refused, and a disabled cache has none", () =>
  withRegistry((registry, layer) =>
    Effect.gen(function*() {
      const twice = yield* Effect.exit(Effect.scoped(Layer.build(layer(layer(CacheLayer.memory())))))
      expect(String(twice)).toContain("has metrics already")
      yield* Effect.provide(
        Effect.sync(() => expect(registry.size).toBe(0)),
        layer(CacheLayer.disabled)
      )
    })
  ))

it.effect("services beside the cache, and named caches, stay", () =>
  withRegistry((registry, layer) => {
    class Pages extends Context.Service<Pages, Caching.Shape>()("test/Pages") {}
    return Effect.gen(function*() {
      yield* Cached.ttl(Effect.succeed(1), "one", { ttl: "1 hour" }).pipe(Cached.withCache(Pages))
      expect(valuesOf(registry, "entries")).toEqual({ "": 1 })
    }).pipe(Effect.provide(CacheLayer.named(Pages, layer(CacheLayer.memory(), { name: "pages" }))))
  }))
