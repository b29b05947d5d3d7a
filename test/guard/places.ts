/** The places where guards can have their state, as tests provide them. */
import { Effect, Layer } from "effect"
import { CacheLayer, type Caching } from "effect-cached"
import { GuardStore } from "effect-cached/adapters"
import { memoryGuards } from "../support/services.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

interface Place {
  readonly name: string
  readonly layer: () => Layer.Layer<Caching.Caching>
}

/** A place that does not answer at once. */
const waiting: Layer.Layer<never> = Layer.sync(GuardStore.GuardStore, () => {
  const { runUnsafe: _, ...store } = memoryGuards()
  return store
})

/** A folder of its own each time that it is built. */
const folder: Layer.Layer<Caching.Caching> = Layer.fresh(
  Layer.orDie(Layer.unwrap(Effect.map(tempDirectory, (directory) => CacheLayer.disk({ directory }))))
)

export const places: ReadonlyArray<Place> = [
  { name: "memory", layer: () => CacheLayer.memory() },
  { name: "a place that does not answer at once", layer: () => Layer.merge(CacheLayer.memory(), waiting) },
  { name: "a folder", layer: () => folder }
]
