/** The layers that make a cache, and the options they refuse. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schedule } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { counting, ended, fakeStore, over, settle, start } from "./support/caches.ts"
import * as Looking from "./support/looking.ts"

const get = <A, E, R>(load: Effect.Effect<A, E, R>) => load.pipe(Cached.ttl("k", { ttl: "1 hour" }))

describe("bad options throw a CacheConfigError at once", () => {
  const wrong: ReadonlyArray<readonly [string, object]> = [
    ["capacity 0", { capacity: 0 }],
    ["capacity -1", { capacity: -1 }],
    ["capacity 1.5", { capacity: 1.5 }],
    ["capacity NaN", { capacity: NaN }],
    ["capacity as text", { capacity: "10" }],
    ["an unknown option", { capcity: 10 }],
    ["an unknown option of refresh", { refresh: { concurency: 1 } }],
    ["refresh.concurrency 0", { refresh: { concurrency: 0 } }],
    ["refresh.timeout that does not parse", { refresh: { timeout: "soon" } }],
    ["refresh.timeout NaN", { refresh: { timeout: NaN } }],
    ["refresh.retry that is no schedule", { refresh: { retry: 3 } }],
    ["shutdownTimeout that does not parse", { shutdownTimeout: "soon" }],
    ["shutdownTimeout below zero", { shutdownTimeout: -1 }],
    ["inherit that is no way to", { inherit: true }],
    ["an eviction of no known name", { eviction: "lfu" }],
    ["a strategy as a word alone", { strategy: "ttl" }],
    ["a strategy without its two functions", { strategy: { decide: () => "Load" } }],
    ["a misspelt option of a strategy", { strategy: { tll: "1 hour" } }],
    ["a strategy that is not known", { strategy: { strategy: "lru", ttl: "1 hour" } as never }],
    ["an option of another strategy", { strategy: { ttl: "1 hour", idle: "1 minute" } as never }],
    ["a strategy whose ttl is no duration", { strategy: { ttl: "soon" as never } }],
    ["a strategy whose options do not agree", {
      strategy: { strategy: "softTtl", ttl: "1 minute", softTtl: "1 hour" } as never
    }],
    ["a ttl beside the functions of a strategy", {
      strategy: { decide: () => "Load", lifetime: () => "skip", ttl: "1 hour" } as never
    }],
    ["the word of a strategy beside the functions of one", {
      strategy: { decide: () => "Load", lifetime: () => "skip", strategy: "ttl" } as never
    }],
    ["refresh as a number", { refresh: 3 }],
    ["options that are no object", 3 as never]
  ]

  it.each(wrong)("memory: %s", (_, options) => {
    expect(() => CacheLayer.memory(options as never)).toThrow(CacheError.CacheConfigError)
  })

  it.each([
    ...wrong,
    ["storeTimeout 0", { storeTimeout: 0 }] as const,
    ["storeTimeout NaN", { storeTimeout: NaN }] as const,
    ["memory that is neither on nor off", { memory: "no" }] as const,
    ["a strategy that counts the reads of no memory", {
      memory: false,
      strategy: { strategy: "maxHits", ttl: "1 hour", hits: 3 }
    }] as const
  ])("layer: %s", (_, options) => {
    expect(() => CacheLayer.layer(options as never)).toThrow(CacheError.CacheConfigError)
  })

  it.each([
    ["no options", undefined],
    ["no directory", {}],
    ["an empty directory", { directory: "" }],
    ["an unknown option", { directory: "x", size: 1 }],
    ["a maxSize that does not parse", { directory: "x", maxSize: "big" }],
    ["a maxSize of nothing", { directory: "x", maxSize: 0 }],
    ["capacity 0", { directory: "x", capacity: 0 }]
  ])("disk: %s", (_, options) => {
    expect(() => CacheLayer.disk(options as never)).toThrow(CacheError.CacheConfigError)
  })

  it.each([
    [
      () => CacheLayer.memory({ strategy: { decide: () => "Load", lifetime: () => "skip", ttl: "1 hour" } as never }),
      "CacheLayer.memory: a Strategy of your own takes no \"ttl\": it has decide and lifetime"
    ],
    [
      () => CacheLayer.layer({ memory: false, strategy: { strategy: "maxHits", ttl: "1 hour", hits: 3 } }),
      "CacheLayer.layer needs its memory for the strategy \"maxHits\", which counts reads: leave out memory: false"
    ],
    [
      () => CacheLayer.memory({ capacity: 0 }),
      "capacity of CacheLayer.memory must be a whole number of at least 1 (capacity bounds entries, maxWeight with " +
      "Weigher.bytes (of effect-cached/adapters) their size), or Infinity for no limit, not 0"
    ],
    [() => CacheLayer.layer({ lease: 0 }), "lease of CacheLayer.layer must be longer than 0, not 0 ms"],
    [
      () => CacheLayer.disk({ directory: "x", dir: "y" } as never),
      "CacheLayer.disk has no option \"dir\": use one of directory"
    ],
    [
      () => CacheLayer.files({ directory: "x", lru: 1 } as never),
      "CacheLayer.files has no option \"lru\": use one of directory"
    ]
  ])("the message names the layer: %#", (make, message) => {
    expect(make).toThrow(message)
  })

  it("memory knows no option of a store", () => {
    expect(() => CacheLayer.memory({ storeTimeout: 1 } as never)).toThrow(CacheError.CacheConfigError)
  })

  it("valid options are accepted", () => {
    CacheLayer.memory()
    CacheLayer.memory({})
    CacheLayer.memory({ capacity: Infinity, refresh: {}, shutdownTimeout: "1 second" })
    CacheLayer.memory({ capacity: undefined, eviction: undefined, refresh: undefined })
    CacheLayer.layer({ memory: false, storeTimeout: "1 second", refresh: { retry: Schedule.recurs(1) } })
  })
})

describe("memory", () => {
  it.effect("keeps values as they are: nothing is encoded", () =>
    Effect.gen(function*() {
      const value = { f: () => 1 }
      expect(yield* get(Effect.succeed(value))).toBe(value)
      expect(yield* get(Effect.succeed({ f: () => 2 }))).toBe(value)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("a layer is one cache where it is provided once, and another where it is provided again", () =>
    Effect.gen(function*() {
      const { load } = counting()
      const layer = CacheLayer.memory()
      expect(yield* Effect.all([get(load), get(load)]).pipe(Effect.provide(layer))).toEqual([1, 1])
      expect(yield* get(load).pipe(Effect.provide(CacheLayer.memory()))).toBe(2)
    }))
})

describe("layer", () => {
  it.effect("puts memory in front of a store, and what memory loses the store still has", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      const { load } = counting()
      yield* get(load)
      const asked = fake.calls.length
      expect(yield* get(load)).toBe(1)
      expect(fake.calls.length).toBe(asked)
      yield* Cached.set("other", 1)
      expect(yield* get(load)).toBe(1)
      expect(fake.calls.length).toBeGreaterThan(asked)
      expect(yield* Cached.stats).toMatchObject({ loads: 1, storeHits: 1, hits: 1, evictions: 2 })
    }).pipe(Effect.provide(over(fake, { capacity: 1 })))
  })

  it.effect("memory: false asks the store on every read", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      const { load } = counting()
      expect([yield* get(load), yield* get(load), yield* get(load)]).toEqual([1, 1, 1])
      expect(yield* Cached.stats).toMatchObject({ loads: 1, storeHits: 2, hits: 0, size: 0 })
    }).pipe(Effect.provide(over(fake, { memory: false })))
  })

  it.effect("takes its serializer from the reference", () => {
    const fake = fakeStore()
    const upper: Serializer.Serializer = {
      name: "upper",
      contentType: "text/plain",
      extension: ".txt",
      make: () => ({
        id: 200,
        encode: (value) => Effect.succeed(new TextEncoder().encode(String(value).toUpperCase())),
        decode: (bytes) => Effect.succeed(new TextDecoder().decode(bytes) as never)
      })
    }
    return Effect.gen(function*() {
      yield* get(Effect.succeed("quiet"))
      expect(fake.entries.get("k")?.meta.serializer).toBe(200)
      expect(yield* get(Effect.succeed("other"))).toBe("QUIET")
    }).pipe(
      Effect.provide(over(fake, { memory: false }).pipe(Layer.provide(Layer.succeed(Serializer.Serializer, upper))))
    )
  })

  it.effect("an entry written by another serializer is a miss", () => {
    const fake = fakeStore()
    return Effect.gen(function*() {
      yield* get(Effect.succeed("old"))
      const stored = fake.entries.get("k")!
      fake.entries.set("k", { ...stored, meta: { ...stored.meta, serializer: 99 } })
      expect(yield* get(Effect.succeed("new"))).toBe("new")
      expect(yield* get(Effect.succeed("newer"))).toBe("new")
    }).pipe(Effect.provide(over(fake, { memory: false })))
  })

  it.effect("two caches over one store see each other's values", () => {
    const store = Layer.succeed(Store.Store, MemoryStore.make())
    return Effect.gen(function*() {
      expect(yield* get(Effect.succeed("first")).pipe(Effect.provide(over({ layer: store })))).toBe("first")
      expect(yield* get(Effect.succeed("second")).pipe(Effect.provide(over({ layer: store })))).toBe("first")
    })
  })
})

describe("disk", () => {
  const inDirectory = <A, E, R>(use: (directory: string) => Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-cached-"))),
      use,
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )

  it.live("outlives its layer", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const { load } = counting()
        const layer = () => CacheLayer.disk({ directory: join(directory, "made"), maxSize: "1 MiB" })
        expect(yield* get(load).pipe(Effect.provide(layer()))).toBe(1)
        expect(yield* get(load).pipe(Effect.provide(layer()))).toBe(1)
        yield* Cached.invalidate("k").pipe(Effect.provide(layer()))
        expect(yield* get(load).pipe(Effect.provide(layer()))).toBe(2)
      })
    ))

  it.live("a folder that cannot be made is the layer's StoreError", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        writeFileSync(join(directory, "file"), "")
        const error = yield* Effect.flip(
          get(Effect.succeed(1)).pipe(Effect.provide(CacheLayer.disk({ directory: join(directory, "file", "below") })))
        )
        expect(error).toBeInstanceOf(CacheError.StoreError)
      })
    ))
})

describe("disabled", () => {
  it.effect("runs every effect as if it were not wrapped", () =>
    Effect.gen(function*() {
      const { load } = counting()
      expect([yield* get(load), yield* get(load), yield* CachePolicy.refresh(get(load))]).toEqual([1, 2, 3])
      yield* Cached.set("k", 1)
      expect(yield* Cached.getOption("k")).toEqual(Option.none())
      expect(yield* Cached.has("k")).toBe(false)
      expect(yield* Cached.remove("k")).toBe(false)
      expect(yield* Looking.expiresIn("k")).toEqual(Option.none())
      yield* Cached.invalidate("k")
      yield* Cached.invalidate({ tag: "t" })
      yield* Cached.clear
      expect(yield* Cached.stats).toMatchObject({ loads: 0, hits: 0, size: 0 })
    }).pipe(Effect.provide(CacheLayer.disabled)))
})

describe("refresh options", () => {
  const ahead = (key: string) => Cached.refreshAhead(key, { ttl: "1 hour", refreshAfter: "1 minute" })

  it.effect("retry says when a failed refresh is tried again; by default twice", () =>
    Effect.gen(function*() {
      yield* Effect.succeed("good").pipe(ahead("k"))
      yield* TestClock.adjust("2 minutes")
      let tries = 0
      const bad = Effect.suspend(() => {
        tries++
        return Effect.fail("down")
      })
      expect(yield* bad.pipe(ahead("k"))).toBe("good")
      yield* TestClock.adjust("1 second")
      expect(tries).toBe(3)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("retry of your own", () =>
    Effect.gen(function*() {
      yield* Effect.succeed("good").pipe(ahead("k"))
      yield* TestClock.adjust("2 minutes")
      let tries = 0
      const flaky = Effect.suspend(() => ++tries < 5 ? Effect.fail("down") : Effect.succeed("better"))
      expect(yield* flaky.pipe(ahead("k"))).toBe("good")
      yield* TestClock.adjust("4 seconds")
      expect(yield* flaky.pipe(ahead("k"))).toBe("better")
      expect(yield* Cached.stats).toMatchObject({ refreshes: 1, loadFailures: 0 })
    }).pipe(Effect.provide(CacheLayer.memory({ refresh: { retry: Schedule.spaced("1 second") } }))))

  it.effect("timeout ends a refresh that hangs, and the next is tried after retryAfter", () =>
    Effect.gen(function*() {
      yield* Effect.succeed("good").pipe(ahead("k"))
      yield* TestClock.adjust("2 minutes")
      let interrupted = 0
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      expect(yield* hanging.pipe(ahead("k"))).toBe("good")
      yield* TestClock.adjust("9 seconds")
      expect(interrupted).toBe(0)
      yield* TestClock.adjust("1 second")
      expect(interrupted).toBe(1)
      expect(yield* Effect.succeed("better").pipe(ahead("k"))).toBe("good")
      yield* TestClock.adjust("5 seconds")
      expect(yield* Effect.succeed("better").pipe(ahead("k"))).toBe("good")
      yield* settle
      expect(yield* Effect.succeed("better").pipe(ahead("k"))).toBe("better")
    }).pipe(Effect.provide(CacheLayer.memory({ refresh: { timeout: "10 seconds" } }))))

  it.effect("a reader that joins a queued refresh does not wait for room", () =>
    Effect.gen(function*() {
      const { load } = counting(1000)
      const stale = (key: string) => load.pipe(ahead(key))
      for (const key of ["a", "b"]) {
        const reader = yield* start(stale(key))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(reader)
      }
      yield* TestClock.adjust("2 minutes")
      expect(yield* Effect.never.pipe(ahead("a"))).toBe(1)
      expect(yield* stale("b")).toBe(2)
      yield* TestClock.adjust("10 seconds")
      const waiting = yield* start(CachePolicy.refresh(stale("b")))
      expect(ended(waiting)).toBe("still waiting")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(waiting)).toBe(3)
    }).pipe(Effect.provide(CacheLayer.memory({ refresh: { concurrency: 1 } }))))
})
