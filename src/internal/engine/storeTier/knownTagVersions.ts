/** Known tag versions: read from the store since the last poll of its changes. */
import * as BoundsDefaults from "../../defaults/bounds.ts"
import * as ProcessesDefaults from "../../defaults/processes.ts"
import type { StoreTier } from "./storeTier.ts"

/**
 * The versions of a key class's tags, as the store answered them since the last poll of its changes. Every poll, and
 * every invalidation by tag here or in another process, empties them.
 *
 * They save a read of the versions with every read of an entry: equal versions prove that an entry is still valid. They
 * prove nothing else.
 */
export interface KnownTagVersions {
  /** by the array itself: all keys of a class without indexes share one */
  readonly byTags: Map<ReadonlyArray<string>, ReadonlyArray<string | undefined>>
  /** the tag epoch in which they were read */
  epoch: number
}

export const make = (): KnownTagVersions => ({ byTags: new Map(), epoch: 0 })

export const forget = (self: KnownTagVersions): void => self.byTags.clear()

// only while tracking: otherwise a change is not seen. Only a frozen array, which keys share: another one is never met
// again
const isUseful = ({ untracked, tracker, polledAt }: StoreTier, tags: ReadonlyArray<string>, now: number): boolean =>
  tracker !== undefined && !untracked && now >= polledAt && now - polledAt < ProcessesDefaults.polling.lateMillis &&
  Object.isFrozen(tags)

/** The versions of the tags, where they are known. */
export const versionsOf = (
  tier: StoreTier,
  tags: ReadonlyArray<string>,
  now: number
): ReadonlyArray<string | undefined> | undefined =>
  tier.knownTagVersions.epoch === tier.front.tagEpochs.epoch && isUseful(tier, tags, now)
    ? tier.knownTagVersions.byTags.get(tags)
    : undefined

export const remember = (
  tier: StoreTier,
  tags: ReadonlyArray<string>,
  versions: ReadonlyArray<string | undefined>,
  now: number
): void => {
  if (tags.length === 0 || !isUseful(tier, tags, now)) return
  const { front: { tagEpochs: { epoch } }, knownTagVersions } = tier
  if (knownTagVersions.epoch !== epoch || knownTagVersions.byTags.size >= BoundsDefaults.knownTagVersions) {
    forget(knownTagVersions)
  }
  knownTagVersions.epoch = epoch
  knownTagVersions.byTags.set(tags, versions)
}
