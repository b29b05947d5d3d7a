/** The eviction policy of one memory tier: the library's as it is, a user's behind a guard. */
import { CacheConfigError } from "../../../CacheError.ts"
import { type Eviction, type Node, Own, type Policy } from "../../../Eviction.ts"

/** What the guard of a policy needs of the memory tier. */
interface Guard {
  readonly isInMemory: (node: Node) => boolean
  /** is told what a method threw, or that it answered an invalid value */
  readonly report: (method: string, defect: unknown) => void
}

interface EvictionOptions {
  readonly capacity: number
  readonly eviction: Eviction
}

/** Throws a `CacheConfigError` where `make` throws, or gives no policy. */
export const makePolicy = (options: EvictionOptions, guard: Guard): Policy =>
  // every hit calls `read`
  options.eviction instanceof Own ? options.eviction.make(options) : guarded(made(options), guard)

const made = ({ capacity, eviction }: EvictionOptions): Policy => {
  const refuse = (why: string): never => {
    throw new CacheConfigError({ message: `The eviction policy "${eviction.name}" cannot be used: its make ${why}` })
  }
  let policy: Policy
  try {
    policy = eviction.make({ capacity })
  } catch (error) {
    return refuse(`threw ${String(error)}`)
  }
  for (const method of ["added", "read", "removed", "victim"] as const) {
    if (typeof policy?.[method] !== "function") refuse(`gave no function "${method}"`)
  }
  if (policy.replaced !== undefined && typeof policy.replaced !== "function") refuse(`gave a "replaced" that is none`)
  return policy
}

/** A policy whose methods never throw, and whose victim is always in memory. */
const guarded = (policy: Policy, { isInMemory, report }: Guard): Policy => {
  const attempt = <A>(method: string, run: () => A): A | undefined => {
    try {
      return run()
    } catch (defect) {
      report(method, defect)
      return undefined
    }
  }
  return {
    added: (node) => attempt("added", () => policy.added(node)),
    ...policy.replaced === undefined
      ? {}
      : { replaced: (old: Node, node: Node) => attempt("replaced", () => policy.replaced!(old, node)) },
    read: (node) => attempt("read", () => policy.read(node)),
    removed: (node) => attempt("removed", () => policy.removed(node)),
    victim: () =>
      attempt("victim", () => {
        const victim = policy.victim()
        if (victim === undefined || isInMemory(victim)) return victim
        throw new Error("victim answered an entry that is not in memory")
      })
  }
}
