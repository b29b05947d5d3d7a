/** Listeners of a cache, which are told in the step in which something happens: the language has streams of it. */
import type { Caching } from "effect-cached"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import * as Operations from "../../src/internal/engine/operationTable.ts"

type Listener<O extends { readonly over: (...args: ReadonlyArray<never>) => unknown }> = Parameters<O["over"]>[1]

export const listenersOf = (caching: Caching.Shape) => ({
  listen: (listener: Listener<typeof Operations.listen>) => cacheOf(caching).perform(Operations.listen, listener),
  onRemoval: (listener: Listener<typeof Operations.onRemoval>) =>
    cacheOf(caching).perform(Operations.onRemoval, listener)
})
