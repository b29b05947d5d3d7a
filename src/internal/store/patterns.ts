/**
 * The steps of an invalidation by pattern in a store. Loads are listed before entries, and every listed id is removed,
 * which ends its generation. So a load that began before either cannot store its result, or has stored it before the
 * entries are listed.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import type { Store } from "../../ports/store.ts"
import { chunk } from "../defaults/bounds.ts"
import * as Glob from "../text/glob.ts"
import { isPage } from "./pageIds.ts"

/** The beginning of a tag that reports an invalidation by pattern. */
const ofPattern = "~?"

/**
 * Tells a pattern to other processes, whose memory may have values that the store lacks, and which may be loading
 * values under ids that the store does not know yet. The first step of an invalidation.
 */
export const report = (store: Store, { pattern }: Glob.Glob): Effect.Effect<void, StoreError> =>
  store.capabilities.changes === false ? Effect.void : store.invalidateTags([ofPattern + pattern])

/** Invalidates in the store alone. */
export const invalidate = (store: Store, glob: Glob.Glob): Effect.Effect<void, StoreError> =>
  Effect.andThen(
    report(store, glob),
    Stream.runForEach(
      Stream.grouped(Stream.filter(ids(store, glob), glob.matches), chunk),
      (some) => store.remove(some)
    )
  )

/** Whether the reported pattern matches an id. `undefined` if the tag reports no pattern. */
export const reported = (tag: string): Glob.Glob["matches"] | undefined => {
  if (!tag.startsWith(ofPattern)) return undefined
  try {
    return Glob.make(tag.slice(ofPattern.length)).matches
  } catch {
    return () => true
  }
}

/** The ids that a pattern may concern: those of loads, then those of entries. */
export const ids = (store: Store, { prefix }: Glob.Glob): Stream.Stream<string, StoreError> => {
  const entries = Stream.map(store.scan({ prefix }), ({ id }) => id)
  return Stream.concat(store.scanLoads({ prefix }), Stream.filter(entries, (id) => !isPage(id)))
}
