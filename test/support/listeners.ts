/** Listeners of a cache, which are called in the step of the event: the public API has streams of them. */
import type { Caching } from "effect-cached"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import * as Operations from "../../src/internal/engine/operationTable.ts"

type Listener<O extends { readonly over: (...args: ReadonlyArray<never>) => unknown }> = Parameters<O["over"]>[1]

export const listenersOf = (caching: Caching.Shape) => ({
  listen: (listener: Listener<typeof Operations.listen>) => cacheOf(caching).perform(Operations.listen, listener),
  onRemoval: (listener: Listener<typeof Operations.onRemoval>) =>
    cacheOf(caching).perform(Operations.onRemoval, listener)
})
