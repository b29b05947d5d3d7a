/** Policies that evict the oldest entry. They differ in whether a read or a new value resets an entry's age. */
import type { Node, Policy } from "../../ports/eviction.ts"
import * as Ring from "./ring.ts"

const nothing = (): void => {}

const byAge = (head: Ring.Linked): Policy => ({
  added: (node) => Ring.append(head, node),
  replaced: (old, node) => {
    Ring.release(old)
    Ring.append(head, node)
  },
  read: nothing,
  removed: Ring.release,
  cleared: () => Ring.empty(head),
  victim: () => Ring.isEmpty(head) ? undefined : head.next as Node
})

/** Least recently used: both reads and new values reset an entry's age. */
export const makeLru = (): Policy => {
  const head = Ring.makeHead()
  return {
    ...byAge(head),
    read: (node) => {
      if (head.previous === node) return
      Ring.unlink(node)
      Ring.append(head, node)
    }
  }
}

/** First in, first out: neither reads nor new values reset an entry's age. */
export const makeFifo = (): Policy => ({ ...byAge(Ring.makeHead()), replaced: Ring.replace })

/** Least recently updated: new values reset an entry's age, but reads do not. */
export const makeLeastRecentlyUpdated = (): Policy => byAge(Ring.makeHead())
