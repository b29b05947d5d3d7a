/** Ways to look at a cache in tests. */
import { Cached, type CacheKey, type Caching } from "effect-cached"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** The remaining lifetime of an entry. */
export const expiresIn = (key: CacheKey.Any | string) =>
  Effect.map(Cached.getEntry(key), Option.map(({ expiresIn }) => expiresIn))

/** The ids of the entries that match a pattern. */
export const ids = (pattern?: string) => Stream.map(Cached.entries(pattern), ({ id }) => id)

export const curve = Effect.flatMap(Cached.stats, ({ curve }) => curve)

/** The progress of an invalidation by pattern. */
export const progressOf = (matching: string) =>
  Effect.suspend(() => {
    const seen: Array<Caching.Progress> = []
    const onProgress = (progress: Caching.Progress) => Effect.sync(() => seen.push(progress))
    return Effect.as(Cached.invalidate({ matching }, { onProgress }), seen)
  })
