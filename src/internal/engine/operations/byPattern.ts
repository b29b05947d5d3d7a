/** Invalidation by a pattern of ids. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { Progress } from "../../../CacheEvent.ts"
import { chunk } from "../../defaults.ts"
import type { Glob } from "../../glob.ts"
import type { Engine } from "../engine.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { scan } from "./inspect.ts"

/**
 * Invalidates all ids that match, a batch at a time. What this process has or loads is dropped before the store is gone
 * through, and again behind it; of what other processes put in meanwhile nothing is known.
 */
export const invalidateMatching = (self: Engine, glob: Glob): Stream.Stream<Progress, StoreError> =>
  Stream.suspend(() => {
    const progress = { scanned: 0, invalidated: 0 }
    const batch = (ids: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        const matching = ids.filter(glob.matches)
        return Effect.map(matching.length === 0 ? Effect.succeed(0) : invalidateIds(self, matching), (removed) => {
          progress.scanned += ids.length
          progress.invalidated += removed
          return { ...progress }
        })
      })
    const each = (ids: Stream.Stream<string, StoreError>) => ids.pipe(Stream.grouped(chunk), Stream.mapEffect(batch))
    if (glob.isLiteral) return each(Stream.succeed(glob.prefix))
    const here = each(Stream.suspend(() => Stream.fromIterable(matchingHere(self, glob))))
    const there = self.storeTier === undefined
      ? Stream.empty
      : each(Stream.map(scan(self.storeTier, glob.prefix), ({ id }) => id))
    // once more at the end, so that there is an answer where nothing was found
    return here.pipe(Stream.concat(there), Stream.concat(here), Stream.concat(Stream.sync(() => ({ ...progress }))))
  })

/** what this process has, or loads */
const matchingHere = (self: Engine, glob: Glob): ReadonlyArray<string> => {
  const ids = new Set([...self.memory.entries.keys(), ...self.flights.keys()])
  return Array.from(ids).filter(glob.matches)
}
