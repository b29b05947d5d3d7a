/** The objects of a list that were not used for the longest time. Of a long list, only some are remembered. */
import { oldest } from "../../../internal/defaults/objects.ts"
import type { Listed } from "../bucket/xml.ts"

interface Found {
  readonly object: Listed
  readonly usedAt: number
}

export interface Oldest {
  found: Array<Found>
  isSorted: boolean
  /** The use of those that are no longer remembered, and of all later ones. */
  latest: number
}

export const make = (): Oldest => ({ found: [], isSorted: false, latest: Infinity })

/** Forgets the later half. To sort numbers takes a fraction of the time that objects take. */
const cut = (self: Oldest): void => {
  self.latest = Float64Array.from(self.found, ({ usedAt }) => usedAt).sort()[oldest.known - 1]!
  self.found = self.found.filter(({ usedAt }) => usedAt <= self.latest).slice(0, oldest.known)
}

export const add = (self: Oldest, object: Listed, usedAt: number): void => {
  if (usedAt >= self.latest) return
  self.found.push({ object, usedAt })
  if (self.found.length === 2 * oldest.known) cut(self)
}

/** Forgets and returns the oldest ones, as long as `isMore` wants them, but not more than a step removes. */
export const take = (self: Oldest, isMore: (object: Listed) => boolean): ReadonlyArray<Listed> => {
  if (!self.isSorted) {
    if (self.found.length > oldest.known) cut(self)
    self.found.sort((a, b) => a.usedAt - b.usedAt)
    self.isSorted = true
  }
  let count = 0
  while (count < Math.min(self.found.length, oldest.removed) && isMore(self.found[count]!.object)) count++
  return self.found.splice(0, count).map(({ object }) => object)
}
