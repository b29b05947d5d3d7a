/** One read, as the engine sees it. */
import type * as Effect from "effect/Effect"
import type { AnyReadOptions } from "../../../cached/options.ts"
import type { CacheKey } from "../../../CacheKey.ts"
import type { Strategy } from "../../../Strategy.ts"
import type { Batch } from "./batch.ts"

/** One read: what a combinator's effect is, as the engine sees it. */
export interface Request<out A = unknown, out E = unknown> extends Effect.Effect<A, E, any> {
  readonly key: CacheKey<unknown, unknown, unknown> | string
  readonly load: Effect.Effect<A, E, any>
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  /** the strategy looks at deadlines only: no clock is read for an entry without one, and no dice are made */
  readonly deadlinesOnly: boolean
  /** whatever is before both deadlines is served */
  readonly servesFresh: boolean
  /** reads move the entry's deadline: the strategy has a `touch` */
  readonly slides: boolean
  /** the load of a batch, which is one for many keys */
  readonly batch?: Batch | undefined
  /** throws a `CacheConfigError` for what is wrong with the options, before the first load */
  readonly validate: () => void
}
