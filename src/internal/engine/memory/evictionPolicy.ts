/** The eviction policy of a memory tier: a built-in policy directly, a user's behind a guard. */
import * as Cause from "effect/Cause"
import { CacheConfigError } from "../../../CacheError.ts"
import { Own } from "../../../Eviction.ts"
import type { Eviction, Node, Policy, PolicyOptions } from "../../../ports/eviction.ts"
import { makeLru } from "../../eviction/byAge.ts"
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

/** Throws a `CacheConfigError` if `make` throws or returns no policy. The result has `replaced`. */
export const makePolicy = (options: EvictionOptions, guard: Guarded): Policy =>
  // No guard for a built-in policy, because every hit calls `read`.
  options.eviction instanceof Own
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

/** Its methods never throw, and its victim is always in memory. A policy that fails is replaced by LRU. */
const guarded = (given: Policy, name: string, { entries, telemetry }: Guarded): Policy => {
  let policy = given
  /** Rebuilds the order, because the links of the nodes are unreliable as well. */
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
      // The failed policy may still have written to the links of nodes, so LRU starts over.
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
      // After a failure, LRU already has the new entry.
      if (policy === before) attempt("added", node)
    },
    read: (node) => attempt("read", node),
    removed: (node) => attempt("removed", node),
    cleared: given.cleared && (() => attempt("cleared")),
    // If the policy has just failed, its replacement answers.
    victim: () => attempt<Node>("victim") ?? (policy === given ? undefined : policy.victim()),
    resized: (capacity) => attempt("resized", capacity)
  }
}
