import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import type { Caching, Known, Stats } from "../../Caching.ts"
import * as Glob from "../glob.ts"
import { use } from "./use.ts"

const stream = <A>(f: (caching: Caching["Service"]) => Stream.Stream<A, StoreError>) =>
  Stream.unwrap(use((caching) => Effect.succeed(f(caching))))

/**
 * What is known of everything that is cached and may be served, a few at a time and in no particular order. A pattern
 * picks some: `*` is any run of characters, `?` is one, `[a-z]` one of a set; it is matched against `CacheKey.id`.
 *
 * It looks at everything the store has, or at what begins with what the pattern begins with: a tool for people, not for
 * every request. What comes and goes meanwhile may be told or not.
 *
 * @category operations
 * @since 0.1.0
 */
export const entries = (pattern = "*"): Stream.Stream<Known, StoreError, Caching> => {
  const glob = Glob.make(pattern)
  return stream((caching) => Stream.filter(caching.entries(glob.prefix), ({ id }) => glob.matches(id)))
}

/**
 * The ids of everything that is cached and may be served: see `entries`.
 *
 * @category operations
 * @since 0.1.0
 */
export const scan = (pattern = "*"): Stream.Stream<string, StoreError, Caching> =>
  Stream.map(entries(pattern), ({ id }) => id)

/**
 * How many entries there are: in the store, where there is one, which may count what has expired and is not cleaned up.
 *
 * @category operations
 * @since 0.1.0
 */
export const size: Effect.Effect<number, StoreError, Caching> = use((caching) => caching.size)

/**
 * Whether the store answers, within the store's time limit; fails with its `StoreError` where it does not.
 *
 * @category operations
 * @since 0.1.0
 */
export const ping: Effect.Effect<void, StoreError, Caching> = use((caching) => caching.ping)

/**
 * Empties the cache: memory and store, whoever wrote there.
 *
 * @category operations
 * @since 0.1.0
 */
export const clear: Effect.Effect<void, never, Caching> = use((caching, policy) =>
  policy.disabled.has("clear") ? Effect.void : caching.clear
)

/**
 * What the cache has done since its layer was built.
 *
 * @category operations
 * @since 0.1.0
 */
export const stats: Effect.Effect<Stats, never, Caching> = use((caching) => caching.stats)
