/** Tag versions read from the store since the last poll of its changes. */
import * as BoundsDefaults from "../../defaults/bounds.ts"
import * as ProcessesDefaults from "../../defaults/processes.ts"
import type { KnownTagVersions, StoreTier } from "./storeTier.ts"

export const make = (): KnownTagVersions => ({ byTags: new Map(), epoch: 0 })

export const forget = (self: KnownTagVersions): void => self.byTags.clear()

// Versions are useful only while changes in the store are tracked, and only for frozen arrays, which keys share.
const isUseful = ({ untracked, tracker, polledAt }: StoreTier, tags: ReadonlyArray<string>, now: number): boolean =>
  tracker !== undefined && !untracked && now >= polledAt && now - polledAt < ProcessesDefaults.polling.lateMillis &&
  Object.isFrozen(tags)

export const find = (
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
