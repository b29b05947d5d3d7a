/**
 * Finds the entries in memory that have served the most or the fewest reads.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { InMemory } from "../CacheEntry.ts"
import type { Caching } from "../Caching.ts"
import { ranked as defaults } from "../internal/defaults/options.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { mistake } from "../internal/options/options.ts"
import { withCaching } from "./withCaching.ts"

const ranked = (name: "hottest" | "coldest", count: number): Effect.Effect<ReadonlyArray<InMemory>, never, Caching> => {
  if (!(Number.isInteger(count) && count >= 1 && count <= defaults.most)) {
    throw mistake(`count of Cached.${name} must be a whole number from 1 to ${defaults.most}, not ${String(count)}`)
  }
  return withCaching((caching) => caching.perform(Operations.ranked, name, count))
}

/**
 * Gets the metadata of the most read entries in memory, most reads first. If entries tie, the youngest is first.
 *
 * **When to use**
 *
 * Use in tools that show how a cache is used, or which keys deserve their own strategy.
 *
 * **Details**
 *
 * - Returns 10 entries by default and 1,000 at most. Entries that are only in a store are not included.
 * - An entry counts the reads that it has served since its value was stored.
 *
 * **Example** (Finding what is read most)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const page = (id: string) => Cached.ttl(Effect.succeed(id), `page:${id}`, { ttl: "1 hour" })
 * await Effect.runPromise(Effect.gen(function*() {
 *   for (const id of ["home", "about", "home", "home", "about", "terms"]) yield* page(id)
 *   return (yield* Cached.hottest(2)).map(({ id, reads }) => [id, reads])
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [["page:home", 2], ["page:about", 1]]
 * ```
 *
 * @see {@link coldest} for entries that are hardly read
 * @see `Cached.entries` for all entries, including those that are only in the store
 * @category accessors
 * @since 0.1.0
 */
export const hottest = (
  count: number = defaults.count
): Effect.Effect<ReadonlyArray<InMemory>, never, Caching> => ranked("hottest", count)

/**
 * Gets the metadata of the least read entries in memory, fewest reads first. If entries tie, the oldest is first.
 *
 * **When to use**
 *
 * Use in tools that show which values are hardly read and how much they weigh. Eviction uses another order.
 *
 * **Example** (Finding values that are not read)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const page = (id: string) => Cached.ttl(Effect.succeed(id), `page:${id}`, { ttl: "1 hour" })
 * await Effect.runPromise(Effect.gen(function*() {
 *   for (const id of ["home", "about", "home", "home", "about", "terms"]) yield* page(id)
 *   return (yield* Cached.coldest(1)).map(({ id, reads, weight }) => [id, reads, weight])
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [["page:terms", 0, 1]]
 * ```
 *
 * @see {@link hottest} for the most read entries
 * @category accessors
 * @since 0.1.0
 */
export const coldest = (
  count: number = defaults.count
): Effect.Effect<ReadonlyArray<InMemory>, never, Caching> => ranked("coldest", count)
