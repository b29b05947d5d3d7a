/** Ways to look at a cache in tests. */
import { Cached, type CacheKey } from "effect-cached"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { withCaching } from "../../src/cached/withCaching.ts"
import type { Progress } from "../../src/CacheEvent.ts"
import * as Operations from "../../src/internal/engine/operationTable.ts"

/** The remaining lifetime of an entry, also of a failure, which the public functions do not tell for every store. */
export const expiresIn = (key: CacheKey.Any | string) =>
  Effect.flatMap(
    Cached.getEntry(key),
    (found) => Option.isSome(found) ? Effect.succeed(Option.some(found.value.expiresIn)) : expiresInOfFailure(key)
  )

const expiresInOfFailure = (key: CacheKey.Any | string) =>
  withCaching((caching) =>
    Effect.flatMap(
      caching.perform(Operations.lookup, key),
      (entry) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          entry === undefined || Exit.isSuccess(entry.exit)
            ? Option.none()
            : Option.some(Duration.millis(entry.expiresAt - Math.max(entry.createdAt, now))))
    )
  )

/** The ids of the entries that match a pattern. */
export const ids = (pattern?: string) => Stream.map(Cached.entries(pattern), ({ id }) => id)

export const curve = Effect.flatMap(Cached.stats, ({ curve }) => curve)

/** The progress of an invalidation by pattern. */
export const progressOf = (matching: string) =>
  Effect.suspend(() => {
    const seen: Array<Progress> = []
    const onProgress = (progress: Progress) => Effect.sync(() => seen.push(progress))
    return Effect.as(Cached.invalidate({ matching }, { onProgress }), seen)
  })
