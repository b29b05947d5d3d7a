/** Types that the compiler must infer from policies, layers and strategies; checked by `tsc`, not run. */
import { Effect, Exit, Layer } from "effect"
import { Cached, type CacheError, CacheLayer, CachePolicy, type Caching, type Strategy } from "effect-cached"
import { Serializer, type Store } from "effect-cached/adapters"
import { is, same } from "./same.ts"

type Cache = Caching.Caching
declare const load: Effect.Effect<number, "down", Cache>
type Load = typeof load

const policies = [
  CachePolicy.refresh(load),
  CachePolicy.disable("set")(load),
  CachePolicy.disable("get")(load),
  CachePolicy.bypass(load),
  load.pipe(CachePolicy.refresh),
  load.pipe(CachePolicy.storeTimeout("1 second")),
  load.pipe(CachePolicy.disable("get", "set", "remove", "invalidate", "clear"))
] as const
same<(typeof policies)[number], Load>(true)

const strict = load.pipe(CachePolicy.strict)
type Faults = CacheError.StoreError | CacheError.SerializerError
same<typeof strict, Effect.Effect<number, "down" | Faults, Cache>>(true)

// @ts-expect-error no such operation
CachePolicy.disable("read")
// @ts-expect-error no duration
CachePolicy.storeTimeout("soon")
// @ts-expect-error the failures of the store are errors
export const lenient: Load = load.pipe(CachePolicy.strict)

// Layers: only a store is required.
const memory = CacheLayer.memory({ capacity: 10 })
same<typeof memory, Layer.Layer<Cache>>(true)
is<Layer.Layer<Cache, never, Store.Store>>()(
  CacheLayer.layer({ memory: false, storeTimeout: "1 second", refresh: { concurrency: 1 } })
)
same<ReturnType<typeof CacheLayer.layer>, Layer.Layer<Cache, never, Store.Store>>(true)
same<typeof CacheLayer.disabled, Layer.Layer<Cache>>(true)
is<Layer.Layer<Cache, CacheError.StoreError>>()(CacheLayer.disk({ directory: "x", maxSize: "1 GiB", capacity: 10 }))
declare const serializer: Serializer.Serializer
const value43 = Layer.provide(CacheLayer.layer(), Layer.succeed(Serializer.Serializer, serializer))
same<typeof value43, Layer.Layer<Cache, never, Store.Store>>(true)
export const run: Effect.Effect<number, "down"> = load.pipe(Effect.provide(memory))

// @ts-expect-error an unknown option
CacheLayer.memory({ capcity: 10 })
// @ts-expect-error a store's option
CacheLayer.memory({ storeTimeout: 1 })
// @ts-expect-error an unknown option of refresh
CacheLayer.memory({ refresh: { concurency: 1 } })
// @ts-expect-error no directory
CacheLayer.disk({})
// @ts-expect-error no name of an eviction
CacheLayer.memory({ eviction: "lfu" })

// Strategies: their types are known where they are used, and anything where they ask nothing.
export const anything: ReadonlyArray<Strategy.Input> = [
  { ttl: 1 },
  { strategy: "softTtl", ttl: 2, softTtl: 1, jitter: 0.1 },
  { strategy: "refreshAhead", ttl: 2, refreshAfter: 1 },
  { strategy: "probabilistic", ttl: 2, beta: 1 },
  { strategy: "failover", ttl: 2 },
  { strategy: "untilInvalidated" }
]
export const ofNumbers: Strategy.Input<number, never, string> = {
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, never>>(true)
    same<typeof key, string>(true)
    return 1
  }
}
export const narrower: Strategy.Input<5, never, "k"> = ofNumbers
export const own: Strategy.Strategy = {
  name: "own",
  decide: (entry, now, random) => entry === undefined || now > random() ? "Load" : "Serve",
  lifetime: (exit) => Exit.isSuccess(exit) ? { softTtl: 1, ttl: 1 } : "skip"
}
export const cached: Effect.Effect<number, "down", Cache> = load.pipe(Cached.withStrategy("k", { strategy: own }))

// @ts-expect-error one for numbers is none for all
export const wider: Strategy.Input = ofNumbers
// @ts-expect-error an unknown option
export const unknown: Strategy.Input = { ttl: 1, tll: 2 }
// @ts-expect-error no ttl
export const noTtl: Strategy.Input = { strategy: "ttl" }
// @ts-expect-error no softTtl
export const noSoftTtl: Strategy.Input = { strategy: "softTtl", ttl: 1 }
// @ts-expect-error no decision
export const wrong: Strategy.Strategy = { ...own, decide: () => "Maybe" }
