/** The tag versions of an entry that is written to the store. */
import * as Effect from "effect/Effect"
import type { TagVersion } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type { Markers } from "../../../ports/store.ts"
import { ask, type Asking } from "./ask.ts"
import { placeOf } from "./fetch.ts"

/** Returns the current markers of late tags. It is passed if one request has fetched them for several entries. */
export type LateMarkers = (tags: ReadonlyArray<string>) => Markers | StoreError

/**
 * Returns the versions of tags before the load, or `undefined` if one is unknown or has changed. A tag that is not in
 * `declared` is late: its current version is used if its `seq` shows no invalidation since the load began. A late tag
 * that had no marker before the load passes only if no tag at all has been invalidated since then.
 */
export const versionsToWrite = Effect.fnUntraced(function*(
  { budget, lateMarkers, tier }: Asking & { readonly lateMarkers?: LateMarkers | undefined },
  tags: ReadonlyArray<string>,
  declared: ReadonlyArray<string>,
  before: Markers | undefined
): Effect.fn.Return<ReadonlyArray<TagVersion> | undefined | StoreError> {
  if (tags.length === 0) return []
  if (before === undefined) return undefined
  const late = tags.filter((tag, i) => placeOf(declared, tag, i) < 0)
  const after = late.length === 0
    ? undefined
    : lateMarkers?.(late) ?? (yield* ask(tier, budget, "markers", tier.store.markers(late)))
  if (after instanceof StoreError) return after
  const versions: Array<TagVersion> = []
  let lates = 0
  for (let i = 0; i < tags.length; i++) {
    const tag = tags[i]!
    const place = placeOf(declared, tag, i)
    const marker = place >= 0 ? before.markers[place] : after?.markers[placeOf(late, tag, lates++)]
    if (marker === undefined || (place < 0 && marker.seq > before.seq)) return undefined
    versions.push({ tag, version: marker.version })
  }
  return versions
})
