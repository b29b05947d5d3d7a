/** The objects of a list that were written first. Of a long list, only some are remembered. */
import { oldest } from "../../../internal/defaults/objects.ts"
import type { Listed } from "../bucket/xml.ts"

export interface Oldest {
  found: Array<Listed>
  /** The time of those that are no longer remembered, and of all later ones. */
  latest: number
}

export const make = (): Oldest => ({ found: [], latest: Infinity })

/** Puts all in order, and forgets the latest. */
const forget = (self: Oldest): void => {
  const { found } = self
  found.sort((a, b) => a.modifiedAt - b.modifiedAt)
  if (found.length > oldest.known) self.latest = found[oldest.known - 1]!.modifiedAt
  self.found = found.slice(0, oldest.known)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A text of its own: one that V8 has cut out of a page keeps the whole page in the heap. */
const copyOf = (text: string): string => decoder.decode(encoder.encode(text))

export const add = (self: Oldest, object: Listed): void => {
  if (object.modifiedAt >= self.latest) return
  const { etag, name } = object
  self.found.push({ ...object, name: copyOf(name), etag: etag && copyOf(etag) })
  // Now and then, because to sort at the end would take long.
  if (self.found.length === oldest.known + oldest.added) forget(self)
}

/** The oldest ones, so many of those that are remembered. */
export const take = (self: Oldest, count: number): ReadonlyArray<Listed> => {
  forget(self)
  return self.found.slice(0, count)
}
