/**
 * The adaptive policy for browser bundles (`package.json` maps `#platform/*`). An almost empty memory needs no policy,
 * so it begins as LRU. The adaptive policy is loaded once 1024 entries, or half of the capacity, have been added. If
 * loading fails, memory stays LRU and tries again after 1024 more entries.
 */
import type { Policy, PolicyOptions } from "../../ports/eviction.ts"
import { makeSuccessor } from "./successor.ts"

/** The number of added entries after which the policy is loaded, unless half of the capacity is less. */
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
