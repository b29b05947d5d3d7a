/**
 * The adaptive policy for browser bundles (`package.json` maps `#platform/*`). An almost empty memory needs no policy,
 * so it begins as LRU, and loads the adaptive policy when it is half full or has 1024 entries. If loading fails, memory
 * stays LRU and tries again after 1024 more entries.
 */
import type { Policy, PolicyOptions } from "../../ports/eviction.ts"
import { makeSuccessor } from "./successor.ts"

/** The number of entries after which the policy is loaded, or half of the capacity if that is less. */
const mostBefore = 1024

export const makeAdaptive = (options: PolicyOptions): Policy => {
  const { follow, policy } = makeSuccessor()
  let { capacity } = options
  let left = Math.min(mostBefore, Math.ceil(capacity / 2))
  const load = (): void => {
    import("./adaptive.ts").then(
      ({ makeAdaptive }) => {
        follow(makeAdaptive({ ...options, capacity }))
      },
      () => {
        left = mostBefore
      }
    )
  }
  return {
    ...policy,
    added: (node) => {
      policy.added(node)
      if (--left === 0) load()
    },
    resized: (bound) => {
      capacity = bound
      policy.resized!(bound)
    }
  }
}
