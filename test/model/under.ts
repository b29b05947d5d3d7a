/** The policies of the model, as a program applies them. */
import type { Effect } from "effect"
import { CachePolicy } from "effect-cached"
import type { Policy } from "./serving.ts"

type Applied = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, any, R>

export const under: Readonly<Record<Policy, Applied>> = {
  normal: (self) => self,
  strict: CachePolicy.strict,
  storeTimeout: CachePolicy.storeTimeout(15),
  readOnly: CachePolicy.disable("set"),
  disableSet: CachePolicy.disable("set"),
  refresh: CachePolicy.refresh,
  writeOnly: CachePolicy.disable("get"),
  disableGet: CachePolicy.disable("get"),
  bypass: CachePolicy.bypass,
  invalidateFurther: CachePolicy.invalidating
}
