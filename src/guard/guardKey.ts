/**
 * The keys of guards. Calls with the same key share a limit, a circuit or a lock.
 * @since 0.1.0
 */
import type * as CacheKey from "../CacheKey.ts"
import { isKey } from "../internal/key/isKey.ts"
import { idOf } from "../internal/key/ofKey.ts"
import { mistake } from "../internal/options/options.ts"

/**
 * The key of a guard: a name, or an instance of a key class.
 * @category models
 * @since 0.1.0
 */
export type GuardKey = string | CacheKey.Any

/** @internal */
export interface KeyOptions {
  /** A name, or an instance of a key class. Calls with the same key share the guard's state. */
  readonly key: GuardKey
}

/** @internal */
export const checkKey = (key: unknown, of: string): void => {
  if (typeof key === "string" || isKey(key)) return
  throw mistake(`${of} needs "key", a string or a key of a class`)
}

/** @internal */
export const nameOf = (key: GuardKey): string => idOf(key)
