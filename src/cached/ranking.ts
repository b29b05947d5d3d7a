/**
 * The hottest and the coldest entries of memory.
 *
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
 * Gets the metadata of the entries of memory that have served most reads, the hottest first; of as many reads, the
 * younger first.
 *
 * **When to use**
 *
 * Use in tools: to see what a cache is for, or which keys deserve a strategy of their own.
 *
 * **Details**
 *
 * - So many entries, 10 by default and 1,000 at most; fewer, where fewer may be served.
 * - An entry counts the reads that it has served since its value was stored. A new value begins at zero.
 * - It looks at every entry of memory, a few a turn of the event loop. Entries of a store that are not in memory have
 *   no part in it.
 *
 * **Example** (Finding what is read most)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const page = (id: string) => Cached.ttl(Effect.succeed(id), { key: `page:${id}`, ttl: "1 hour" })
 *
 * const program = Effect.gen(function*() {
 *   for (const id of ["home", "about", "home", "home", "about", "terms"]) yield* page(id)
 *   return (yield* Cached.hottest(2)).map(({ id, reads }) => [id, reads])
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [["page:home", 2], ["page:about", 1]]
 * ```
 *
 * @see {@link coldest} for what was hardly read
 *
 * @category accessors
 * @since 0.1.0
 */
export const hottest = (
  count: number = defaults.count
): Effect.Effect<ReadonlyArray<InMemory>, never, Caching> => ranked("hottest", count)

/**
 * Gets the metadata of the entries of memory that have served fewest reads, the coldest first; of as many reads, the
 * older first.
 *
 * **When to use**
 *
 * Use in tools: to see what is stored and not read again, and what it weighs.
 *
 * **Details**
 *
 * As with `hottest`. It is no order of eviction: the policy decides that.
 *
 * **Example** (Finding values that are not read)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const page = (id: string) => Cached.ttl(Effect.succeed(id), { key: `page:${id}`, ttl: "1 hour" })
 *
 * const program = Effect.gen(function*() {
 *   for (const id of ["home", "about", "home", "home", "about", "terms"]) yield* page(id)
 *   return (yield* Cached.coldest(1)).map(({ id, reads, weight }) => [id, reads, weight])
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [["page:terms", 0, 1]]
 * ```
 *
 * @see {@link hottest} for what was read most
 *
 * @category accessors
 * @since 0.1.0
 */
export const coldest = (
  count: number = defaults.count
): Effect.Effect<ReadonlyArray<InMemory>, never, Caching> => ranked("coldest", count)
