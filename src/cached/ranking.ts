/**
 * Finds the entries in memory that have served the most or the fewest reads.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { InMemory } from "../CacheEntry.ts"
import type { Caching } from "../Caching.ts"
import { ranked as defaults } from "../internal/defaults/options.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { refuseUnless } from "../internal/options/options.ts"
import { withCaching } from "./withCaching.ts"

/**
 * Gets the metadata of the entries in memory that have served the most reads (`"hot"`) or the fewest (`"cold"`), those
 * first. If entries tie, the youngest is the hottest.
 *
 * **When to use**
 *
 * Use in tools that show how a cache is used: which keys deserve a strategy of their own, and which values are hardly
 * read and how much they weigh. Eviction uses another order.
 *
 * **Details**
 *
 * - Returns 10 entries by default and 1,000 at most. Entries that are only in a store are not included.
 * - An entry counts the reads that it has served since its value was stored.
 *
 * **Example** (Finding what is read most, and least)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const page = (id: string) => Cached.ttl(Effect.succeed(id), `page:${id}`, { ttl: "1 hour" })
 * await Effect.runPromise(Effect.gen(function*() {
 *   for (const id of ["home", "about", "home", "home", "about", "terms"]) yield* page(id)
 *   const hot = (yield* Cached.ranking("hot", 2)).map(({ id, reads }) => [id, reads])
 *   const cold = (yield* Cached.ranking("cold", 1)).map(({ id, reads }) => [id, reads])
 *   return [...hot, ...cold]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [["page:home", 2], ["page:about", 1], ["page:terms", 0]]
 * ```
 *
 * @see `Cached.entries` for all entries, including those that are only in the store
 * @category accessors
 * @since 0.1.0
 */
export const ranking = (
  by: "hot" | "cold",
  count: number = defaults.count
): Effect.Effect<ReadonlyArray<InMemory>, never, Caching> => {
  refuseUnless(by === "hot" || by === "cold", `Cached.ranking cannot rank by "${String(by)}": pass "hot" or "cold"`)
  refuseUnless(
    Number.isInteger(count) && count >= 1 && count <= defaults.most,
    `count of Cached.ranking must be a whole number from 1 to ${defaults.most}, not ${String(count)}`
  )
  return withCaching((caching) => caching.perform(Operations.ranked, by, count))
}
