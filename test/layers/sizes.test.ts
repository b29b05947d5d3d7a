/**
 * Sizes are one vocabulary, wherever an option takes one; and the options that other caches have are named by their
 * name here.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { Cached, CacheError, CacheLayer } from "effect-cached"
import { Store, Weigher } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"

const { bytes } = Weigher
type Size = CacheLayer.SizeInput

const sizes: ReadonlyArray<readonly [Size, number]> = [
  ["1 MB", 1_000_000],
  ["1MB", 1_000_000],
  ["100mb", 100_000_000],
  ["100 mB", 100_000_000],
  ["1.5 MiB", 1_572_864],
  ["1.1 MB", 1_100_000],
  ["64 KIB", 65_536],
  ["2 gb", 2_000_000_000],
  ["1 GiB", 1_073_741_824],
  ["3 megabytes", 3_000_000],
  ["1 mebibyte", 1_048_576],
  ["800000 B", 800_000],
  ["1 TB", 1_000_000_000_000],
  [2_000_000, 2_000_000],
  [2_000_000n, 2_000_000]
]

const noSizes: ReadonlyArray<unknown> = [
  "",
  "MB",
  "1",
  "0 MB",
  "0.5 B",
  "-1 MB",
  "1e3 MB",
  "1.2.3 MB",
  "1 ib",
  "10 Mbit",
  "1 mbb",
  "1 XB",
  0,
  -1,
  1.5,
  NaN,
  true,
  {}
]

/** Which weights there is room for. */
const kept = (maxWeight: Size, weights: ReadonlyArray<number>): Promise<ReadonlyArray<boolean>> =>
  Effect.forEach(weights, (weight) => Effect.andThen(Cached.set("a", weight), Cached.has("a"))).pipe(
    Effect.provide(CacheLayer.memory({ maxWeight, weigher: (weight: number) => weight })),
    Effect.runPromise
  )

const defectOf = (effect: Effect.Effect<unknown>): Promise<unknown> =>
  Effect.runPromise(Effect.exit(effect)).then((exit) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit)

const mistake = (message: string) => new CacheError.CacheConfigError({ message })

describe("a size", () => {
  it.each(sizes)("%s is a bound of weight", async (maxWeight, weight) => {
    expect(await kept(maxWeight, [weight, weight + 1])).toEqual([true, false])
  })

  it.each(sizes)("%s is a maxSize, a minSize and a maxBytes, and no other text is needed", (size) => {
    Store.tap({ maxSize: size, minSize: size })
    Cached.stream("k", { ttl: "1 hour", maxBytes: size })
    expect(() => Store.tap({ maxSize: size, minSize: "1 PB" })).toThrow("below minSize")
  })

  it.each(noSizes)("%s is none", (size: any) => {
    expect(() => CacheLayer.memory({ maxWeight: size, weigher: bytes })).toThrow(CacheError.CacheConfigError)
    expect(() => CacheLayer.disk({ directory: "x", maxSize: size })).toThrow(CacheError.CacheConfigError)
    expect(() => CacheLayer.redis({ url: "redis://localhost", maxValue: size })).toThrow(CacheError.CacheConfigError)
    expect(() => Cached.stream("k", { ttl: "1 hour", maxBytes: size })).toThrow(CacheError.CacheConfigError)
    expect(() => Weigher.atMost(bytes, typeof size === "number" && size > 0 ? 0 : size)).toThrow(
      CacheError.CacheConfigError
    )
  })

  it("that is none is reported with one that is", () => {
    expect(() => CacheLayer.memory({ maxWeight: "100 Mbit" as never, weigher: bytes })).toThrow(
      mistake(
        "maxWeight of CacheLayer.memory must be a whole number of at least 1, a size like \"100 MB\", or Infinity for no limit, not \"100 Mbit\""
      )
    )
    expect(() => CacheLayer.disk({ directory: "x", maxSize: "much" as never })).toThrow(
      mistake("CacheLayer.disk: \"maxSize\" must be a size above zero, like \"100 MB\"")
    )
  })

  it("is a bound, and not one of a memory that counts", async () => {
    expect(await kept(Infinity, [Number.MAX_SAFE_INTEGER])).toEqual([true])
    expect(() => CacheLayer.memory({ maxWeight: "1 MB" })).toThrow(
      mistake("CacheLayer.memory must be bounded by capacity, or by maxWeight with a weigher, like Weigher.bytes")
    )
    expect(() => CacheLayer.memory({ capacity: "1 MB" as never })).toThrow(
      mistake(
        "capacity of CacheLayer.memory must be a whole number of at least 1, or Infinity for no limit, not \"1 MB\""
      )
    )
  })

  it.effect("is a limit of one entry, a quota and a new bound", () => {
    const weigher = Weigher.atMost((text: string) => text.length, "1 kB")
    const cache = CacheLayer.memory({ maxWeight: "1 MB", weigher, eviction: "lru" })
    return Effect.gen(function*() {
      yield* Cached.set("a", "x".repeat(1000))
      yield* Cached.set("b", "x".repeat(1001))
      yield* Cached.set("c", "x".repeat(600))
      expect(yield* Effect.filter(["a", "b", "c"], Cached.has)).toEqual(["a", "c"])
      yield* Cached.resize("1.2kB")
      expect(yield* Effect.filter(["a", "b", "c"], Cached.has)).toEqual(["c"])
    }).pipe(Effect.provide(CacheLayer.withQuotas(cache, { Page: "10 kB" })))
  })

  it("is no quota and no new bound of a memory that counts", async () => {
    const counted = CacheLayer.memory({ capacity: 10 })
    const why = "is a size, and this memory counts its entries: give its layer maxWeight with Weigher.bytes"
    expect(await defectOf(Cached.resize("1 MB").pipe(Effect.provide(counted)))).toEqual(
      mistake(`capacity of Cached.resize ${why}`)
    )
    expect(
      await defectOf(Cached.size.pipe(Effect.orDie, Effect.provide(CacheLayer.withQuotas(counted, { Page: "1 MB" }))))
    )
      .toEqual(mistake(`The quota of "Page" ${why}`))
    expect(() => CacheLayer.withQuotas(counted, { Page: "much" as never })).toThrow(CacheError.CacheConfigError)
  })
})

describe("an option of another cache", () => {
  const layers: ReadonlyArray<readonly [string, (options: any) => unknown]> = [
    ["CacheLayer.memory", CacheLayer.memory],
    ["CacheLayer.layer", (options) => CacheLayer.layer(options).pipe(Layer.provide(MemoryStore.layer))],
    ["CacheLayer.disk", (options) => CacheLayer.disk({ directory: "x", ...options })],
    ["CacheLayer.files", (options) => CacheLayer.files({ directory: "x", ...options })],
    ["CacheLayer.redis", (options) => CacheLayer.redis({ url: "redis://localhost", ...options })]
  ]
  const bounds = "capacity bounds entries, maxWeight with Weigher.bytes (of effect-cached/adapters) their size."

  it.each(layers)("of %s is identified by its name here", (name, layer) => {
    for (
      const [option, home] of [["max", bounds], ["maxSize", bounds], ["ttl", "strategy says how long entries live."]]
    ) {
      // A folder has a size.
      if (option === "maxSize" && /disk|files/.test(name)) continue
      expect(() => layer({ [option!]: 100 })).toThrow(`${name} has no option "${option}": ${home} Use one of `)
    }
  })
})
