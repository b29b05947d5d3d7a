/**
 * Stores: the port between the cache and a storage, its constructors, and tools for stores. Stores handle only encoded
 * entries.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { withCaching } from "./cached/withCaching.ts"
import type { StoreError } from "./CacheError.ts"
import type { Caching } from "./Caching.ts"
import * as Operations from "./internal/engine/operationTable.ts"

export {
  type Acquired,
  type AcquireRequest,
  type Answer,
  type Capabilities,
  type Change,
  complete,
  type Counter,
  type Inspected,
  type Inspection,
  make,
  makeSync,
  type NamedCounter,
  type Storage,
  Store,
  type StoreCore,
  type SyncLeases,
  type SyncStorage,
  type SyncTags,
  type Transacted,
  type TransactRequest,
  type TransactStep
} from "./ports/stores.ts"
export { type Timing, type Timings, timings } from "./ports/storeTimings.ts"
export { type StoreCall, tap } from "./ports/tapStore.ts"

/**
 * Checks that the store of a cache, if it has one, answers in time. Fails with a `StoreError` if it does not.
 *
 * **Example** (Checking the health of a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer } from "effect-cached"
 * import { Store } from "effect-cached/adapters"
 *
 * const health = Store.ping.pipe(Effect.as("up"), Effect.catchTag("StoreError", () => Effect.succeed("down")))
 * await Effect.runPromise(health.pipe(Effect.provide(CacheLayer.memory()))) // => "up"
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const ping: Effect.Effect<void, StoreError, Caching> = withCaching((caching) => caching.perform(Operations.ping))
