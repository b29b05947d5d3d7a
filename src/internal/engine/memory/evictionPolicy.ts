/** The eviction policy of one memory tier: the library's as it is, a user's behind a guard. */
import * as Cause from "effect/Cause"
import { CacheConfigError } from "../../../CacheError.ts"
import { Own } from "../../../Eviction.ts"
import type { Eviction, Node, Policy, PolicyOptions } from "../../../ports/eviction.ts"
import { makeLru } from "../../eviction/byAge.ts"
import * as Log from "../telemetry/log.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"

/** What the guard of a policy needs of the memory tier. */
interface Guarded {
  readonly entries: {
    readonly get: (id: string) => Node | undefined
    readonly values: () => Iterable<Node>
  }
  /** counts and logs that a method threw, or answered an invalid value */
  readonly telemetry: () => Telemetry
}

interface EvictionOptions extends PolicyOptions {
  readonly eviction: Eviction
}

/** Throws a `CacheConfigError` where `make` throws, or gives no policy. What it answers has `replaced`. */
export const makePolicy = (options: EvictionOptions, guard: Guarded): Policy =>
  // every hit calls `read`
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

/** A policy whose methods never throw, and whose victim is always in memory. One that fails is replaced by LRU. */
const guarded = (given: Policy, name: string, { entries, telemetry }: Guarded): Policy => {
  let policy = given
  /** The links of the nodes are not to be relied on either. */
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
      // what has failed may still write into the links of nodes, and LRU begins anew
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
      // where that has failed, LRU has the new one already
      if (policy === before) attempt("added", node)
    },
    read: (node) => attempt("read", node),
    removed: (node) => attempt("removed", node),
    cleared: given.cleared && (() => attempt("cleared")),
    // where it has failed just now, another one answers
    victim: () => attempt<Node>("victim") ?? (policy === given ? undefined : policy.victim()),
    resized: (capacity) => attempt("resized", capacity)
  }
}
