/** A policy that begins as LRU and later hands its entries over to another policy. */
import type { Policy } from "../../ports/eviction.ts"
import { makeLru } from "./byAge.ts"

interface Successor {
  readonly policy: Policy
  readonly follow: (next: Policy) => void
}

export const makeSuccessor = (): Successor => {
  let inner: Policy = makeLru()
  return {
    policy: {
      added: (node) => inner.added(node),
      replaced: (old, node) => inner.replaced!(old, node),
      read: (node) => inner.read(node),
      removed: (node) => inner.removed(node),
      victim: () => inner.victim(),
      resized: (capacity) => inner.resized?.(capacity)
    },
    follow: (next) => {
      for (let node = inner.victim(); node !== undefined; node = inner.victim()) {
        inner.removed(node)
        next.added(node)
      }
      inner = next
    }
  }
}
