/**
 * Operations on all keys that match a pattern.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import type { Caching } from "../Caching.ts"
import type { Cache } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { Current } from "../internal/engine/request/callPolicy.ts"
import { stringOfId } from "../internal/key/id.ts"
import * as InTurns from "../internal/time/streamsInTurns.ts"
import { globOf } from "./targets.ts"
import { streamWithCaching, valueFor } from "./withCaching.ts"

/**
 * Streams the string keys that match a pattern (as in `Cached.entries`) with their cached values, in any order.
 *
 * **When to use**
 *
 * Use in tools, if only a pattern of the keys is known. The stream reads all ids that begin with the pattern's text up
 * to its first special character, or the entire store if there is no such text.
 *
 * **Details**
 *
 * - An invalid pattern throws a `CacheConfigError` at once. If the store cannot be scanned, the stream fails with a
 *   `StoreError`. Values are not put in memory, where they would evict other entries.
 * - Excludes cached failures, string keys of over 200 bytes (whose ids are hashes), and instances of key classes (whose
 *   values need the class's schema).
 *
 * **Example** (Reading values by pattern)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(
 *   Cached.setMany([["user:1", "Ada"], ["user:2", "Grace"], ["page:1", "Home"]]),
 *   Stream.runCollect(Cached.getMatching("user:*"))
 * )
 * const users = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * new Map(users) // => new Map([["user:1", "Ada"], ["user:2", "Grace"]])
 * ```
 *
 * @see `Cached.entries` for the metadata
 * @see `Cached.getMany` for known keys
 * @category accessors
 * @since 0.1.0
 */
export const getMatching = (
  pattern: string
): Stream.Stream<readonly [key: string, value: unknown], StoreError, Caching> => {
  const glob = globOf("Cached.getMatching", pattern)
  return streamWithCaching((caching) =>
    caching.perform(Operations.entries, glob.prefix).pipe(
      Stream.map(({ id }) => glob.matches(id) ? stringOfId(id) : undefined),
      Stream.filter((key) => key !== undefined),
      InTurns.inChunks,
      Stream.mapEffect((keys) => valuesOf(caching, keys)),
      Stream.flatMap(Stream.fromIterable)
    )
  )
}

const valuesOf = (
  caching: Cache,
  keys: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<readonly [key: string, value: unknown]>, never, any> =>
  caching.perform(Operations.lookupMany, keys).pipe(
    Effect.map((found) =>
      keys.flatMap((key, i) => {
        const exit = found[i]?.exit
        return exit !== undefined && Exit.isSuccess(exit) ? [[key, valueFor(caching, key, exit.value)] as const] : []
      })
    ),
    // Does not put entries in memory: a scan reads each entry only once, and would evict other entries.
    Effect.updateService(Current, (policy) => ({ ...policy, writes: false }))
  )
