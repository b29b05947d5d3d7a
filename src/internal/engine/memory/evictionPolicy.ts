/** Makes the eviction policy of a memory tier: a built-in policy is used directly, a user's policy behind a guard. */
import * as Cause from "effect/Cause"
import { CacheConfigError } from "../../../CacheError.ts"
import type { Eviction, Node, Policy, PolicyOptions } from "../../../ports/eviction.ts"
import { makeLru } from "../../eviction/byAge.ts"
import { isBuiltIn } from "../../eviction/policies.ts"
import * as Log from "../telemetry/log.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"

interface Guarded {
  readonly entries: {
    readonly get: (id: string) => Node | undefined
    readonly values: () => Iterable<Node>
  }
  readonly telemetry: () => Telemetry
}

interface EvictionOptions extends PolicyOptions {
  readonly eviction: Eviction
}

/** Makes a policy with the method `replaced`. Throws a `CacheConfigError` if `make` throws or its policy is invalid. */
export const makePolicy = (options: EvictionOptions, guard: Guarded): Policy =>
  // A built-in policy has no guard, because every hit calls its `read`.
  isBuiltIn(options.eviction)
    ? options.eviction.make(options)
    : guarded(made(options), options.eviction.name, guard)

const made = ({ eviction, ...options }: EvictionOptions): Policy => {
  const refuse = (why: string): never => {
    throw new CacheConfigError({ message: `The eviction policy "${eviction.name}" cannot be used: ${why}` })
  }
  let policy: Policy
  try {
    policy = eviction.make(options)
  } catch (error) {
    return refuse(`its make threw ${String(error)}`)
  }
  const needed: ReadonlyArray<keyof Policy> = ["added", "read", "removed", "victim"]
  for (const method of [...needed, "replaced", "cleared", "resized"] as const) {
    const given = policy?.[method]
    if (typeof given !== "function" && (given !== undefined || needed.includes(method))) {
      refuse(`it has no function "${method}"`)
    }
  }
  return policy
}

/** Wraps a user's policy so that no method throws and each victim is in memory. LRU replaces a policy that fails. */
const guarded = (given: Policy, name: string, { entries, telemetry }: Guarded): Policy => {
  let policy = given
  /** Replaces the policy with LRU and adds all entries again, as the nodes' links are unreliable after a failure. */
  const giveUp = (method: string, defect: unknown): void => {
    policy = makeLru()
    for (const node of entries.values()) policy.added(node)
    const self = telemetry()
    self.stats.callbackFailures++
    Log.warnOnce(
      self,
      "eviction",
      `The eviction policy "${name}" failed in ${method} (see the cause): LRU replaces it`,
      { cause: Cause.die(defect) }
    )
  }
  const attempt = <A>(method: keyof Policy, ...nodes: ReadonlyArray<unknown>): A | undefined => {
    try {
      const answer = (policy[method] as ((...args: ReadonlyArray<unknown>) => any) | undefined)?.(...nodes)
      if (method === "victim" && answer !== undefined && entries.get(answer?.id) !== answer) {
        throw new CacheConfigError({ message: "it named a victim that is not in memory" })
      }
      return answer
    } catch (defect) {
      // If even LRU fails in `victim`, the policy before it may have damaged the nodes' links, so LRU is rebuilt.
      if (policy === given || method === "victim") giveUp(method, defect)
      return undefined
    }
  }
  return {
    added: (node) => attempt("added", node),
    replaced: (old, node) => {
      if (policy.replaced !== undefined) return attempt("replaced", old, node)
      const before = policy
      attempt("removed", old)
      // If `removed` failed, `giveUp` has already added the new entry to LRU.
      if (policy === before) attempt("added", node)
    },
    read: (node) => attempt("read", node),
    removed: (node) => attempt("removed", node),
    cleared: given.cleared && (() => attempt("cleared")),
    // If the policy fails in this call, LRU names the victim instead.
    victim: () => attempt<Node>("victim") ?? (policy === given ? undefined : policy.victim()),
    resized: (capacity) => attempt("resized", capacity)
  }
}
