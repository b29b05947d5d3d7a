/** `CacheLayer.tiered`: each tier keeps copies of what the last one holds. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Logger, Option, type Scope } from "effect"
import { Cached, CacheError, CacheLayer, type Caching } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import * as CacheProfiles from "effect-cached/CacheProfiles"
import { MemoryStore } from "effect-cached/memory"
import { Structured } from "effect-cached/serializers/Structured"
import { ChaosStore } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { basename } from "node:path"
import { User } from "../support/bulkCalls.ts"
import { elapse, settle } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"
import { wallAndMonotonic } from "../support/wallAndMonotonic.ts"

const cacheOver = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store))

const counting = (key: string, options?: { readonly tags?: ReadonlyArray<string> }) => {
  const origin = { value: 1, loads: 0 }
  const load = Effect.sync(() => {
    origin.loads++
    return origin.value
  })
  return { origin, read: load.pipe(Cached.ttl(key, { ttl: "1 hour", ...options })) }
}

const messageOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  expect(error).toBeInstanceOf(CacheError.CacheConfigError)
  return (error as CacheError.CacheConfigError).message
}

/** A process of its own: with another memory, over the same stores. */
const running = <A, E, R, E2>(
  layer: Layer.Layer<Caching.Caching, E2>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2, Exclude<R, Caching.Caching>> => Effect.scoped(Effect.provide(effect, Layer.fresh(layer)))

describe("tiered", () => {
  test("a value is written to every tier, and fills the tiers before the one that answers", function*() {
    const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
    const layer = CacheLayer.tiered([CacheLayer.memory(), cacheOver(middle), cacheOver(last)])
    const { origin, read } = counting("k")
    expect(yield* running(layer, read)).toBe(1)
    expect([yield* middle.size, yield* last.size]).toEqual([1, 1])
    // The copy answers, although the last tier has forgotten the entry.
    yield* last.clear
    expect(yield* running(layer, Cached.detect(read))).toMatchObject([1, [{ source: "store" }]])
    yield* middle.clear
    origin.value = 2
    expect(yield* running(layer, read)).toBe(2)
    yield* middle.clear
    expect(yield* running(layer, Effect.tap(read, () => settle))).toBe(2)
    expect([yield* middle.size, origin.loads]).toEqual([1, 2])
  })

  test("a tier keeps copies for its own time, and serves their whole life", function*() {
    const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
    const layer = CacheLayer.tiered([{ cache: cacheOver(middle), ttl: "1 minute" }, cacheOver(last)])
    const { read } = counting("k")
    yield* running(layer, read)
    yield* TestClock.adjust("30 seconds")
    expect(yield* running(layer, Looking.expiresIn("k"))).toMatchObject({ value: { value: { millis: 3_570_000 } } })
    yield* last.clear
    expect(yield* running(layer, Cached.has("k"))).toBe(true)
    yield* TestClock.adjust("31 seconds")
    expect(yield* running(layer, Cached.has("k"))).toBe(false)
  })

  test("processes of one machine do not read what one of them has invalidated, by key or by tag", function*() {
    const [near, far] = [yield* tempDirectory, yield* tempDirectory]
    const open = Layer.build(
      CacheLayer.tiered([CacheLayer.disk({ directory: near }), CacheLayer.disk({ directory: far })])
    )
    const [a, b] = [yield* open, yield* open]
    const { origin, read } = counting("k", { tags: ["t"] })
    for (const invalidation of [Cached.invalidate("k"), Cached.invalidate({ tag: "t" }), Cached.clear]) {
      yield* TestClock.adjust(10)
      expect(yield* Effect.provide(read, a)).toBe(origin.value)
      yield* TestClock.adjust(10)
      expect(yield* Effect.provide(read, b)).toBe(origin.value)
      origin.value++
      yield* Effect.provide(invalidation, a)
      expect(yield* Effect.provide(read, b)).toBe(origin.value)
      expect(yield* Effect.provide(read, a)).toBe(origin.value)
    }
  })

  test("an answer that is older than an invalidation fills no tier", function*() {
    const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
    const late = ChaosStore.make(last, { seed: 1 })
    const tiers = (last: Store.Store) => Layer.build(CacheLayer.tiered([cacheOver(middle), cacheOver(last)]))
    const [a, b] = [yield* tiers(last), yield* tiers(late.store)]
    const { origin, read } = counting("k")
    yield* Effect.provide(read, a)
    yield* middle.clear
    // The last tier has answered, and the answer is on its way.
    yield* late.set({ lateRate: 1, late: 20 })
    const before = yield* Effect.forkChild(Effect.provide(read, b), { startImmediately: true })
    yield* TestClock.adjust(10)
    origin.value = 2
    yield* Effect.provide(Cached.invalidate("k"), a)
    yield* TestClock.adjust(10)
    expect(yield* Fiber.join(before)).toBe(1)
    yield* settle
    yield* late.heal
    const after = yield* Effect.forkChild(Effect.provide(read, b), { startImmediately: true })
    yield* settle
    yield* TestClock.adjust(10)
    expect(yield* Fiber.join(after)).toBe(2)
  })

  test("an invalidation removes from the last tier first, so that no reader fills the others again", function*() {
    const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
    const slow = ChaosStore.make(last, { seed: 1 })
    const tiers = (last: Store.Store) => Layer.build(CacheLayer.tiered([cacheOver(middle), cacheOver(last)]))
    const [a, b] = [yield* tiers(slow.store), yield* tiers(last)]
    const { origin, read } = counting("k")
    yield* Effect.provide(read, b)
    origin.value = 2
    yield* slow.set({ delay: 20 })
    const invalidation = yield* Effect.forkChild(Effect.provide(Cached.invalidate("k"), a), {
      startImmediately: true
    })
    yield* TestClock.adjust(10)
    expect(yield* Effect.provide(read, b)).toBe(1)
    yield* settle
    yield* TestClock.adjust(10)
    yield* Fiber.join(invalidation)
    expect(yield* Effect.provide(read, b)).toBe(2)
  })

  test("a tier that refuses a removal is not asked for the key until it has removed it", function*() {
    const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
    let refuses = true
    const unavailable = Effect.fail(
      new CacheError.StoreError({ store: "middle", operation: "remove", reason: "Unavailable" })
    )
    const stubborn: Store.Store = {
      ...middle,
      remove: (ids) => Effect.suspend(() => refuses ? unavailable : middle.remove(ids))
    }
    const { origin, read } = counting("k")
    yield* Effect.gen(function*() {
      expect(yield* read).toBe(1)
      origin.value = 2
      yield* Cached.invalidate("k")
      expect((yield* middle.get("k", [])).entry).toBeDefined()
      expect(yield* read).toBe(2)
      refuses = false
      yield* elapse("1 minute")
      expect((yield* middle.get("k", [])).entry).toBeUndefined()
      expect([yield* read, origin.loads]).toEqual([2, 2])
    }).pipe(Effect.provide(CacheLayer.tiered([cacheOver(stubborn), cacheOver(last)])))
  })

  test("copies of an earlier process are read again from the last tier", function*() {
    const [near, far] = [yield* tempDirectory, yield* tempDirectory]
    const tiers = CacheLayer.tiered([CacheLayer.disk({ directory: near }), CacheLayer.disk({ directory: far })])
    const { origin, read } = counting("k")
    yield* TestClock.adjust(10)
    expect(yield* running(tiers, read)).toBe(1)
    yield* TestClock.adjust(10)
    // A process of another machine.
    yield* running(CacheLayer.disk({ directory: far }), Cached.invalidate("k"))
    origin.value = 2
    yield* TestClock.adjust(10)
    expect(yield* running(tiers, read)).toBe(2)
  })

  test("they are also read again by a process that starts before its machine knows the time", function*() {
    const { clock, set } = yield* wallAndMonotonic
    const [near, far] = [yield* tempDirectory, yield* tempDirectory]
    const tiers = CacheLayer.tiered([CacheLayer.disk({ directory: near }), CacheLayer.disk({ directory: far })])
    const { origin, read } = counting("k")
    yield* TestClock.setTime(3_600_000)
    const hanging = Effect.gen(function*() {
      expect(yield* running(tiers, read)).toBe(1)
      yield* TestClock.adjust(10)
      yield* running(CacheLayer.disk({ directory: far }), Cached.invalidate("k"))
      origin.value = 2
      yield* set(-1_800_000)
      const again = Effect.gen(function*() {
        yield* TestClock.adjust(1000)
        yield* set(1_800_000)
        return yield* read
      })
      expect(yield* running(tiers, again)).toBe(2)
    })
    yield* Effect.provideService(hanging, Clock.Clock, clock)
  })

  it.effect("a tier that hangs is skipped with one warning, and its copies of what has changed are not served", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function*() {
      const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
      const chaos = ChaosStore.make(middle, { seed: 1 })
      const layer = CacheLayer.tiered([cacheOver(chaos.store), cacheOver(last)])
      const { origin, read } = counting("k")
      const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
          for (let i = 0; i < 20; i++) {
            yield* settle
            yield* TestClock.adjust(50)
          }
          expect(fiber.pollUnsafe()).toBeDefined()
          return yield* Effect.flatten(Effect.sync(() => fiber.pollUnsafe()!))
        })
      yield* Effect.gen(function*() {
        expect(yield* inTime(read)).toBe(1)
        yield* chaos.silence
        for (let i = 2; i < 6; i++) {
          origin.value = i
          yield* inTime(Cached.invalidate("k"))
          expect(yield* inTime(read)).toBe(i)
        }
        expect((yield* middle.get("k", [])).entry).toBeDefined()
        yield* chaos.heal
        expect(yield* inTime(read)).toBe(5)
        yield* elapse("2 minutes")
        expect((yield* middle.get("k", [])).entry).toBeUndefined()
        expect(yield* inTime(read)).toBe(5)
      }).pipe(Effect.provide(layer))
      expect(lines).toEqual([
        "Warn The tier \"memory\" of the cache fails and is skipped: it did not answer in time",
        expect.stringContaining("Info The tier \"memory\" of the cache answers again, after ")
      ])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("a tier whose answers make no sense is skipped with one warning, and the last tier answers", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function*() {
      const [middle, last] = [MemoryStore.make(), MemoryStore.make()]
      const nonsense = () => Effect.succeed({ _tag: "Hit" }) as Effect.Effect<never>
      const names = [
        "get",
        "getMany",
        "acquire",
        "commit",
        "remove"
      ] as const
      const broken: Store.Store = {
        ...middle,
        getUnsafe: undefined,
        getCallback: undefined,
        ...Object.fromEntries(names.map((name) => [name, nonsense]))
      }
      const layer = CacheLayer.tiered([cacheOver(broken), cacheOver(last)])
      const { origin, read } = counting("k")
      yield* Effect.gen(function*() {
        expect([yield* read, yield* read, origin.loads]).toEqual([1, 1, 1])
        expect(yield* Cached.getMany(["k", "l"])).toEqual([Option.some(1), Option.none()])
        yield* Cached.setMany([["l", 2], ["m", 3]])
        expect(yield* Cached.getMany(["m", "l"])).toEqual([Option.some(3), Option.some(2)])
        origin.value = 4
        yield* Cached.invalidate("k")
        expect(yield* read).toBe(4)
      }).pipe(Effect.provide(layer))
      expect(lines).toEqual(["Warn The tier \"memory\" of the cache fails and is skipped: its answer is damaged"])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  test("the cache closes before its stores, and has the lock and the guards of the last tier", function*() {
    const order: Array<string> = []
    const closing = (name: string) =>
      Layer.effect(
        Store.Store,
        Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => order.push(name))) as Effect.Effect<void, never, Scope.Scope>,
          MemoryStore.make()
        )
      )
    const tier = (name: string) => Layer.provide(CacheLayer.layer(), closing(name))
    const layer = CacheLayer.tiered([CacheLayer.memory(), tier("middle"), tier("last")])
    const late = Effect.never.pipe(
      Effect.onInterrupt(() => Effect.sync(() => order.push("load"))),
      Cached.ttl("k", { ttl: "1 hour" })
    )
    yield* running(layer, Effect.forkDetach(late, { startImmediately: true }).pipe(Effect.tap(() => settle))).pipe(
      Effect.forkChild,
      Effect.tap(() => settle),
      Effect.tap(() => TestClock.adjust("10 seconds"))
    )
    expect(order).toEqual(["load", "middle", "last"])
  })

  it("refuses bad tiers at once", () => {
    const memory = CacheLayer.memory()
    const tiers = CacheLayer.tiered as (tiers: unknown) => unknown
    const refused = (given: unknown): string => messageOf(Effect.runSyncExit(Effect.sync(() => tiers(given))))
    expect(refused([memory])).toContain("at least two tiers")
    expect(refused([])).toContain("at least two tiers")
    expect(refused(memory)).toContain("needs a list")
    expect(refused([memory, memory])).toContain("a tier twice")
    expect(refused([memory, { cache: memory, ttl: 1 }])).toContain("a tier twice")
    expect(refused([memory, "redis:"])).toContain("tier 2 of CacheLayer.tiered")
    expect(refused([memory, { layer: memory }])).toContain("no option \"layer\"")
    expect(refused([memory, { cache: 1 }])).toContain("must be a layer")
    expect(refused([{ cache: CacheLayer.memory(), ttl: 0 }, memory])).toContain("longer than 0")
    expect(refused([memory, { cache: CacheLayer.memory(), ttl: "1 hour" }])).toContain("last tier")
  })

  test("refuses tiers that have one folder", function*() {
    const directory = yield* tempDirectory
    for (const layer of [CacheLayer.disk, CacheLayer.files]) {
      const tiers = CacheLayer.tiered([
        layer({ directory }),
        layer({ directory: `${directory}/../${basename(directory)}` })
      ])
      expect(messageOf(yield* Effect.exit(Effect.scoped(Layer.build(tiers))))).toContain("twice")
    }
  })

  test("refuses what would have no effect around the store of a tier", function*() {
    const other = () => cacheOver(MemoryStore.make())
    const around: ReadonlyArray<Layer.Layer<Caching.Caching>> = [
      other().pipe(CacheLayer.withDisabled(["set"])),
      other().pipe(CacheLayer.withTelemetry({ ids: "none" })),
      other().pipe(CacheLayer.withQuotas({ User: 10 })),
      other().pipe(CacheProfiles.layer({ classes: [User] })),
      CacheMetrics.layer(other(), { name: "last" })
    ]
    for (const wrapped of around) {
      for (
        const tiers of [[CacheLayer.memory(), wrapped], [CacheLayer.memory(), wrapped, other()], [wrapped, other()]]
      ) {
        expect(messageOf(yield* Effect.exit(Effect.scoped(Layer.build(CacheLayer.tiered(tiers))))))
          .toContain("put it around CacheLayer.tiered")
      }
    }
    // They have their effect around memory, which is the cache itself, unless it is several.
    const disabled = CacheLayer.tiered([CacheLayer.memory().pipe(CacheLayer.withDisabled(["set"])), other()])
    expect(yield* Effect.provide(Effect.andThen(Cached.set("k", 1), Cached.has("k")), disabled)).toBe(false)
    const routed = CacheLayer.routed({ default: CacheLayer.memory(), routes: [["a", CacheLayer.memory()]] })
    expect(messageOf(yield* Effect.exit(Effect.scoped(Layer.build(CacheLayer.tiered([routed, other()]))))))
      .toContain("Tier 1")
  })

  test("refuses bad tiers when it is built", function*() {
    const built = (...tiers: ReadonlyArray<Parameters<typeof CacheLayer.tiered>[0][number]>) =>
      Effect.map(Effect.exit(Effect.scoped(Layer.build(CacheLayer.tiered(tiers)))), messageOf)
    const [memory, store] = [CacheLayer.memory(), MemoryStore.make()]
    const other = () => cacheOver(MemoryStore.make())
    const disk = CacheLayer.disk({ directory: yield* tempDirectory })
    expect(yield* built(memory, CacheLayer.memory())).toContain("memory can only be the first tier")
    expect(yield* built(other(), memory)).toContain("memory can only be the first tier")
    expect(yield* built(CacheLayer.disabled, other())).toContain("Tier 1")
    expect(yield* built(CacheLayer.routed({ default: other(), routes: [["a", other()]] }), other()))
      .toContain("several caches")
    expect(yield* built({ cache: memory, ttl: "1 hour" }, other())).toContain("memoryTtl")
    expect(yield* built(memory, cacheOver(store), cacheOver(store))).toContain("twice")
    expect(yield* built(memory, disk, other())).toContain("belongs to one process")
    expect(yield* built(memory, other(), cacheOver(MemoryStore.make(), { capacity: 5 }))).toContain("\"capacity\"")
    expect(yield* built(memory, other(), cacheOver(MemoryStore.make(), { strategy: { ttl: 1 } })))
      .toContain("\"strategy\"")
    expect(yield* built(memory, cacheOver(MemoryStore.make(), { lease: "1 second" }), other())).toContain("\"lease\"")
    const structured = other().pipe(Layer.provide(Layer.succeed(Serializer.Serializer, Structured)))
    expect(yield* built(memory, structured, other())).toContain("provide it to the last one")
    // A tier of files has another serializer by default, and a program may provide one for all tiers.
    const files = CacheLayer.files({ directory: yield* tempDirectory })
    const program = CacheLayer.tiered([files, CacheLayer.disk({ directory: yield* tempDirectory })]).pipe(
      Layer.provide(Layer.succeed(Serializer.Serializer, Structured))
    )
    expect(Exit.isSuccess(yield* Effect.exit(Effect.scoped(Layer.build(program))))).toBe(true)
    expect(Exit.isSuccess(
      yield* Effect.exit(Effect.scoped(Layer.build(
        CacheLayer.tiered([files, CacheLayer.disk({ directory: yield* tempDirectory })])
      )))
    )).toBe(true)
  })
})
