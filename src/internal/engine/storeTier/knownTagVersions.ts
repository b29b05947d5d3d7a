/** The versions of tags, as the store has told them since the last look at its changes. */
import * as Defaults from "../../defaults.ts"
import type { StoreTier } from "./storeTier.ts"

/**
 * The versions of a key class's tags as the store has told them, since what other processes do was last heard: a
 * poll ago at most. Every invalidation by tag, here or heard, makes all of them be asked for again.
 *
 * They are good for one thing: to say that an entry is valid still without asking for them with every read.
 */
export interface KnownTagVersions {
  /** by the one list that all keys of a class without indexes share */
  readonly byTags: Map<ReadonlyArray<string>, ReadonlyArray<string | undefined>>
  epoch: number
}

export const make = (): KnownTagVersions => ({ byTags: new Map(), epoch: 0 })

export const forget = (self: KnownTagVersions): void => self.byTags.clear()

// what nobody listens for may change unheard; a list that was made for one key is never asked about again
const isUseful = ({ untracked, tracker, polledAt }: StoreTier, tags: ReadonlyArray<string>, now: number): boolean =>
  tracker !== undefined && !untracked && now >= polledAt && now - polledAt < Defaults.polling.lateMillis &&
  Object.isFrozen(tags)

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
  if (knownTagVersions.epoch !== epoch || knownTagVersions.byTags.size >= Defaults.knownTagVersions) {
    forget(knownTagVersions)
  }
  knownTagVersions.epoch = epoch
  knownTagVersions.byTags.set(tags, versions)
}
