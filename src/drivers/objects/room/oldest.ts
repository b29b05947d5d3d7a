/** The objects of a list that were not used for the longest time. Of a long list, only some are remembered. */
import { oldest } from "../../../internal/defaults/objects.ts"
import type { Listed } from "../bucket/xml.ts"

interface Found {
  readonly object: Listed
  readonly usedAt: number
}

export interface Oldest {
  /** In the order of their uses. */
  found: ReadonlyArray<Found>
  /** Those that were added since. A few at a time are put in order, because to sort all at once would take long. */
  added: Array<Found>
  /** The use of those that are no longer remembered, and of all later ones. */
  latest: number
}

export const make = (): Oldest => ({ found: [], added: [], latest: Infinity })

/** Puts those that were added in order among the others, and forgets the latest of all. */
const merge = (self: Oldest): void => {
  const { found } = self
  const added = self.added.sort((a, b) => a.usedAt - b.usedAt)
  const merged: Array<Found> = []
  const count = Math.min(oldest.known, found.length + added.length)
  for (let i = 0, j = 0; merged.length < count;) {
    const isNext = j === added.length || i < found.length && found[i]!.usedAt <= added[j]!.usedAt
    merged.push(isNext ? found[i++]! : added[j++]!)
  }
  if (count < found.length + added.length) self.latest = merged[count - 1]!.usedAt
  self.found = merged
  self.added = []
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A text of its own: one that V8 has cut out of a page keeps the whole page in the heap. */
const copyOf = (text: string): string => decoder.decode(encoder.encode(text))

export const add = (self: Oldest, object: Listed, usedAt: number): void => {
  if (usedAt >= self.latest) return
  const { etag, name } = object
  self.added.push({ object: { ...object, name: copyOf(name), etag: etag && copyOf(etag) }, usedAt })
  if (self.added.length === oldest.added) merge(self)
}

/** Forgets and returns the oldest ones, as long as `isMore` wants them, but not more than a step removes. */
export const take = (self: Oldest, isMore: (object: Listed) => boolean): ReadonlyArray<Listed> => {
  if (self.added.length > 0) merge(self)
  const { found } = self
  let count = 0
  while (count < Math.min(found.length, oldest.removed) && isMore(found[count]!.object)) count++
  self.found = found.slice(count)
  return found.slice(0, count).map(({ object }) => object)
}
