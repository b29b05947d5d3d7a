/**
 * The adaptive policy for downloaded programs (`package.json` maps `#platform/*`). A memory that stays almost empty
 * needs none, so it begins as LRU and loads the policy when half full, or after a thousand entries. If loading fails it
 * stays as it is, and tries again after as many entries.
 */
import type { Policy, PolicyOptions } from "../../ports/eviction.ts"
import { makeSuccessor } from "./successor.ts"

/** The number of entries, or half of the capacity. */
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
