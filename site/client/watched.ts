/** Layers of caches whose events the playground shows. */
import { Effect, Layer, Option } from "effect"
import type * as CacheEvent from "../../src/CacheEvent.ts"
import { Caching } from "../../src/Caching.ts"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import { listen } from "../../src/internal/engine/operationTable.ts"

/** The worker hears of events here. */
export const listeners: Array<(event: CacheEvent.CacheEvent) => void> = []

/** Caches that one layer builds out of the layer of another have one listener. */
const heard = new WeakSet<object>()

const hear = Effect.map(Effect.serviceOption(Caching), (caching) => {
  if (Option.isNone(caching) || heard.has(caching.value)) return
  heard.add(caching.value)
  cacheOf(caching.value).perform(listen, (event) => listeners.forEach((listener) => listener(event)))
})

const layerWatched = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.effectDiscard(hear).pipe(Layer.provideMerge(layer))

/** A layer, or a function that makes one, as it was but for the listener. */
export const watched = <A>(made: A): A => {
  if (Layer.isLayer(made)) return layerWatched(made as unknown as Layer.Layer<unknown>) as A
  if (typeof made !== "function") return made
  return ((...args: ReadonlyArray<unknown>) =>
    watched((made as unknown as (...args: ReadonlyArray<unknown>) => unknown)(...args))) as A
}
