/**
 * Weighers: functions that compute how much an entry counts towards the `maxWeight` of a memory tier.
 * @since 0.1.0
 */
import { CacheConfigError } from "./CacheError.ts"
import { bytesIn, type SizeInput } from "./internal/options/size.ts"
import { estimate } from "./internal/text/estimate.ts"
import type { Weigher } from "./ports/weigher.ts"

export type * from "./ports/weigher.ts"

/** The overhead of an entry, in bytes, if `Weigher.bytes` is called without `entryBytes`. */
const bytesOfEntry = 200

/**
 * Weighs an entry by its bytes in memory: those of its value and its id, plus an overhead of 200 bytes, or more
 * with tags or with a store behind memory.
 *
 * The total weight is within 20 % of the heap that the entries take if the values are texts, buffers, dates, rows (as
 * objects of the same fields or as arrays), lists or maps of these, or objects of more than five fields that are named
 * by their data, such as ids. These take more than they weigh:
 *
 * - objects of up to five fields that no other object has (up to 2.7 times as much, with the entry)
 * - objects of 19 to 127 fields, if each was filled by `object[name] = value` and all have the same fields (up to six
 *   times as much)
 * - the first 1500 objects whose names are data, if there are not many more (up to 1.8 times as much)
 * - lists of objects whose fields were added one by one (up to 1.5 times as much)
 * - values with private fields, such as `Headers` or a `Blob`
 *
 * Objects of more than 127 fields weigh as much as a hash table. If a literal made them, they take a sixth of that.
 *
 * **When to use**
 *
 * Use to bound memory in bytes if values differ in size.
 *
 * **Example** (Bounding memory by bytes)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Weigher } from "effect-cached/adapters"
 *
 * const read = (id: number) => Cached.ttl(Effect.succeed("x".repeat(1000)), `page:${id}`, { ttl: "1 hour" })
 * const program = Effect.andThen(Effect.forEach(Array.from({ length: 100 }, (_, i) => i), read), Cached.stats)
 * const cache = CacheLayer.memory({ maxWeight: 64 * 1024, weigher: Weigher.bytes })
 * const { size, weight } = await Effect.runPromise(program.pipe(Effect.provide(cache)))
 * size < 60 // => true
 * weight <= 64 * 1024 // => true
 * ```
 *
 * @see {@link atMost} to keep out large values
 * @see {@link byClass} for a separate measure for each key class
 * @category constructors
 * @since 0.1.0
 */
export const bytes: Weigher = (value, { entryBytes = bytesOfEntry, id }) =>
  estimate(value, id) + estimate(id) + entryBytes

/**
 * Creates a weigher that uses a separate weigher for each key class, by class name, and `otherwise` for all other keys.
 *
 * **When to use**
 *
 * Use if each key class has its own measure, such as rows or pixels.
 *
 * **Example** (Weighing pages by their length)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey, CacheLayer } from "effect-cached"
 * import { Weigher } from "effect-cached/adapters"
 *
 * class Page extends CacheKey.Class<Page>()("Page", { payload: { url: Schema.String }, success: Schema.String }) {}
 * const weigher = Weigher.byClass({ Page: (html: string) => html.length }, Weigher.bytes)
 * CacheLayer.memory({ maxWeight: 10_000_000, weigher })
 * weigher("<h1>", { id: "Page:1", keyClass: "Page" }) // => 4
 * ```
 *
 * @see {@link bytes} for the same measure for all entries
 * @category constructors
 * @since 0.1.0
 */
export const byClass = (weighers: { readonly [keyClass: string]: Weigher }, otherwise: Weigher): Weigher => {
  for (const weigher of [...Object.values(weighers), otherwise]) requireWeigher("Weigher.byClass", weigher)
  return (value, entry) => {
    const { keyClass } = entry
    const weigher = keyClass !== undefined && Object.hasOwn(weighers, keyClass) ? weighers[keyClass]! : otherwise
    return weigher(value, entry)
  }
}

/**
 * Limits a weigher: an entry heavier than `limit` is not kept in memory at all.
 *
 * **When to use**
 *
 * Use if one large value would evict thousands of small ones.
 *
 * **Example** (Keeping out large values)
 *
 * ```ts
 * import { Weigher } from "effect-cached/adapters"
 *
 * const weigher = Weigher.atMost(Weigher.bytes, "100 kB")
 * weigher("x".repeat(1_000_000), { id: "large", keyClass: undefined }) // => Infinity
 * ```
 *
 * @see {@link bytes} for a weigher to limit
 * @category combinators
 * @since 0.1.0
 */
export const atMost = (weigher: Weigher, limit: SizeInput): Weigher => {
  requireWeigher("Weigher.atMost", weigher)
  const most = typeof limit === "number" ? limit : bytesIn(limit)
  if (!(most! > 0)) {
    const given = typeof limit === "string" ? JSON.stringify(limit) : String(limit)
    throw new CacheConfigError({ message: `limit of Weigher.atMost must be above zero, or a size, not ${given}` })
  }
  return (value, entry) => {
    const weight = weigher(value, entry)
    return weight > most! ? Infinity : weight
  }
}

const requireWeigher = (what: string, given: unknown): void => {
  if (typeof given === "function") return
  throw new CacheConfigError({ message: `${what} needs a weigher: pass a function that returns a number` })
}
