/** Replaces `entries.ts` outside Node, where memory is never large enough for a slow copy of a `Map`. */
import type * as Entries from "./entries.ts"
import type { Entry } from "./entry.ts"

export const make: typeof Entries.make = () => new Map()

export const ids: typeof Entries.ids = (self) => Array.from((self as Map<string, Entry>).keys())

export const empty: typeof Entries.empty = (self) => {
  const all = self as Map<string, Entry>
  const were = new Map(all)
  all.clear()
  return were
}
