/** The objects of a list that were written first. Of a long list, only some are remembered. */
import { oldest } from "../../../internal/defaults/objects.ts"
import type { Listed } from "../bucket/xml.ts"

export interface Oldest {
  /** In the order of their times. */
  found: ReadonlyArray<Listed>
  /** Those that were added since. A few at a time are put in order, because to sort all at once would take long. */
  added: Array<Listed>
  /** The time of those that are no longer remembered, and of all later ones. */
  latest: number
}

export const make = (): Oldest => ({ found: [], added: [], latest: Infinity })

/** Puts those that were added in order among the others, and forgets the latest of all. */
const merge = (self: Oldest): void => {
  const { found } = self
  const added = self.added.sort((a, b) => a.modifiedAt - b.modifiedAt)
  const merged: Array<Listed> = []
  const count = Math.min(oldest.known, found.length + added.length)
  for (let i = 0, j = 0; merged.length < count;) {
    const isNext = j === added.length || i < found.length && found[i]!.modifiedAt <= added[j]!.modifiedAt
    merged.push(isNext ? found[i++]! : added[j++]!)
  }
  if (count < found.length + added.length) self.latest = merged[count - 1]!.modifiedAt
  self.found = merged
  self.added = []
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A text of its own: one that V8 has cut out of a page keeps the whole page in the heap. */
const copyOf = (text: string): string => decoder.decode(encoder.encode(text))

export const add = (self: Oldest, object: Listed): void => {
  if (object.modifiedAt >= self.latest) return
  const { etag, name } = object
  self.added.push({ ...object, name: copyOf(name), etag: etag && copyOf(etag) })
  if (self.added.length === oldest.added) merge(self)
}

/** The oldest ones, so many of those that are remembered. */
export const take = (self: Oldest, count: number): ReadonlyArray<Listed> => {
  merge(self)
  return self.found.slice(0, count)
}
