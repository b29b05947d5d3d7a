/** Lets a layer of a cache be a tier of another cache: instead of a cache, it makes its store. */
import * as Context from "effect/Context"
import type * as Caching from "../Caching.ts"
import type { Serializer } from "../ports/serializer.ts"
import type { Store } from "../ports/store.ts"

export interface Tier {
  readonly store: Store
  readonly serializer: Serializer
  readonly options: Caching.MakeOptions
}

/** Takes the store of a layer, and returns what stands for its cache. Without it, layers make caches. */
export const AsTier = Context.Reference<((tier: Tier) => Caching.Shape) | undefined>("effect-cached/AsTier", {
  defaultValue: () => undefined
})
