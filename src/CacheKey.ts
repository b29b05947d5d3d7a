/**
 * @since 0.1.0
 */
import type * as PrimaryKey from "effect/PrimaryKey"

/**
 * @category models
 * @since 0.1.0
 */
export interface CacheKey<out A, out E = never, out R = never> extends PrimaryKey.PrimaryKey {
  readonly "~effect-cached/CacheKey": {
    readonly _A: (_: never) => A
    readonly _E: (_: never) => E
    readonly _R: (_: never) => R
  }
}
