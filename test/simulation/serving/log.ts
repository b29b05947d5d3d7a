/** The things that a user can observe: reads and their ends, the origin's own loads, writes. Rules see nothing else. */
import type { Exit } from "effect"
import type { Policy, Strategy } from "../../model/serving.ts"

/** How the readers of an id read it. */
export interface Spec {
  readonly id: string
  readonly strategy: Strategy
  readonly ttl: number
  /** `softTtl`, `refreshAfter` or `idle`. */
  readonly soft: number
  readonly hits: number
  /** So large that every read is early, or so small that none is. */
  readonly beta: number
  readonly softTimeout: number | undefined
  readonly retryAfter: number
  /** Which typed failures are outages: the stale value is served instead. */
  readonly outages: "all" | "tags" | "function" | "storeFailures"
}

export type Failure = "Down" | "Gone"

/** One run of a load. */
export interface Load {
  readonly _tag: "Load"
  readonly n: number
  readonly id: string
  /** The read whose effect it is. */
  readonly by: Read
  readonly begunAt: number
  ended: number
  endedAt: number
  /** `Left`: it was interrupted. */
  outcome: "Value" | Failure | "Left" | undefined
}

export interface Read {
  readonly _tag: "Read"
  readonly n: number
  readonly spec: Spec
  readonly policy: Policy
  readonly begunAt: number
  ended: number
  endedAt: number
  exit: Exit.Exit<Value, unknown> | undefined
}

export interface Write {
  readonly _tag: "Write"
  readonly n: number
  readonly id: string
  readonly kind: "remove" | "soften" | "set"
  /** The lifetime that a set gives. */
  readonly ttl: number
  readonly begunAt: number
  ended: number
}

export interface Value {
  readonly id: string
  /** The number of its load or set. */
  readonly n: number
}

/** In the order in which they began, which their numbers name. Ends have numbers too. */
export type Log = ReadonlyArray<Load | Read | Write>

/** A run, as far as rules need it. */
export interface Run {
  readonly specs: ReadonlyArray<Spec>
  readonly log: Log
  /** How many refreshes may run at once. */
  readonly concurrency: number
}

export const idOf = (one: Load | Read | Write): string => one._tag === "Read" ? one.spec.id : one.id

/** The number of the value that a read got. */
export const valueOf = ({ exit }: Read): number | undefined => exit?._tag === "Success" ? exit.value.n : undefined

/** The name of the failure that it got: one of the origin's, or `Die` or `Interrupt`. */
export const failureOf = ({ exit }: Read): string | undefined => {
  const [reason] = exit?._tag === "Failure" ? exit.cause.reasons : []
  return reason?._tag === "Fail" ? (reason.error as { readonly _tag: string })._tag : reason?._tag
}

/** Two that were under way at the same time. */
export const overlap = (
  a: { readonly n: number; readonly ended: number },
  b: { readonly n: number; readonly ended: number }
): boolean => a.n < b.ended && b.n < a.ended

/** The meaning of a failure of the origin to readers with these options. */
export const verdictOf = ({ outages }: Spec, failure: Failure): "outage" | "answer" | "refused" =>
  failure === "Down" || outages === "all" ? "outage" : outages === "function" ? "refused" : "answer"
