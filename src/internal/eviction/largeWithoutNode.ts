/**
 * The larger policies for browser bundles (`package.json` maps `#platform/*`). An almost empty memory needs no policy,
 * so it begins as LRU. The policy is loaded once 1024 entries, or half of the capacity, have been added. If loading
 * fails, memory stays LRU and tries again after 1024 more entries.
 */
import type { Policy, PolicyOptions } from "../../ports/eviction.ts"
import type { large as Large } from "./large.ts"
import { makeSuccessor } from "./successor.ts"

/** The number of added entries after which the policy is loaded, unless half of the capacity is less. */
const mostBefore = 1024

const later = (name: keyof typeof Large) => (options: PolicyOptions): Policy => {
  const { follow, policy } = makeSuccessor()
  let { capacity } = options
  let left = Math.min(mostBefore, Math.ceil(capacity / 2))
  const load = (): void => {
    import("./large.ts").then(
      ({ large }) => follow(large[name]({ ...options, capacity })),
      () => void (left = mostBefore)
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

export const large: typeof Large = { adaptive: later("adaptive"), s3Fifo: later("s3Fifo"), wTinyLfu: later("wTinyLfu") }
