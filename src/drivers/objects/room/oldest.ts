/** The objects of a list that were not used for the longest time. Of a long list, only some are remembered. */
import { oldest } from "../../../internal/defaults/objects.ts"
import type { Listed } from "../bucket/xml.ts"

interface Found {
  readonly object: Listed
  readonly usedAt: number
}

export interface Oldest {
  readonly found: Array<Found>
  /** The use of those that are no longer remembered, and of all later ones. */
  latest: number
}

export const make = (): Oldest => ({ found: [], latest: Infinity })

const cut = (self: Oldest, most: number): void => {
  const { found } = self
  found.sort((a, b) => a.usedAt - b.usedAt)
  if (found.length > most) {
    found.length = most
    self.latest = found[most - 1]!.usedAt
  }
}

export const add = (self: Oldest, object: Listed, usedAt: number): void => {
  if (usedAt >= self.latest) return
  self.found.push({ object, usedAt })
  if (self.found.length === 2 * oldest.known) cut(self, oldest.known)
}

/** Forgets and returns the oldest ones, as long as `isMore` wants them, but not more than a step removes. */
export const take = (self: Oldest, isMore: (object: Listed) => boolean): ReadonlyArray<Listed> => {
  cut(self, 2 * oldest.known)
  let count = 0
  while (count < Math.min(self.found.length, oldest.removed) && isMore(self.found[count]!.object)) count++
  return self.found.splice(0, count).map(({ object }) => object)
}
