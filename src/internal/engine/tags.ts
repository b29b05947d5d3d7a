/**
 * Tags in memory: one counter that only grows (the epoch), and for each tag the epoch of its last invalidation. No
 * clock takes part, so nothing that happens in one millisecond can be confused.
 */
export interface Tags {
  /** moves with every invalidation of a tag: an entry checked in this epoch needs no second look */
  epoch: number
  /** tags that were forgotten count as invalidated at this epoch */
  floor: number
  readonly invalidatedAt: Map<string, number>
  /** called before an entry is believed that was not yet checked in this epoch */
  onDoubt: (() => void) | undefined
}

/** the table is bounded: what is forgotten errs to a miss */
const limit = 10_000

export const make = (): Tags => ({ epoch: 0, floor: 0, invalidatedAt: new Map(), onDoubt: undefined })

export const invalidate = (self: Tags, tags: ReadonlyArray<string>): void => {
  self.epoch++
  for (const tag of tags) {
    self.invalidatedAt.delete(tag)
    self.invalidatedAt.set(tag, self.epoch)
  }
  for (const [tag, at] of self.invalidatedAt) {
    if (self.invalidatedAt.size <= limit) break
    self.invalidatedAt.delete(tag)
    self.floor = at
  }
}

export const changedSince = (self: Tags, tags: ReadonlyArray<string>, bornAt: number): boolean => {
  for (let i = 0; i < tags.length; i++) {
    const at = self.invalidatedAt.get(tags[i]!)
    if (at === undefined ? bornAt < self.floor : bornAt < at) return true
  }
  return false
}
