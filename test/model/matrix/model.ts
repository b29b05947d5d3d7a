/** The parts of a case, and its expected result: a cache as small as its description. */
import type { Exit } from "effect"
import { accessOf, cellOf, fallsBack, type Policy, type State, stateAfter, type Strategy } from "../serving.ts"

/** Those that streams have. */
export const ofStreams: ReadonlyArray<Strategy> = ["ttl", "softTtl", "untilInvalidated"]

/** How the load of the read in question ends. */
export const outcomes = [
  "success",
  "failure",
  /** A typed failure that `when` accepts. */
  "storedFailure",
  "defect",
  /** A typed failure and a defect. */
  "both",
  "interruption",
  /** It takes longer than its caller's `timeout`. */
  "timeout",
  /** It takes long, and longer than its caller's `softTimeout` where the strategy has one. */
  "slow",
  /** Its caller is interrupted meanwhile. */
  "left"
] as const
export type OutcomeName = (typeof outcomes)[number]

/** The entry in the cache when the read begins. */
export const states = ["nothing", "fresh", "read", "stale", "expired", "softened", "gone"] as const
export type StateName = (typeof states)[number]

export const millis = { ttl: 100, soft: 40, idle: 40, slow: 30, wait: 10 }
export const hits = 2

/** A load ends at once or after `millis.slow`. */
export const takes = (outcome: OutcomeName): number =>
  outcome === "timeout" || outcome === "slow" || outcome === "left" ? millis.slow : 0

export type Answer =
  | { readonly _tag: "Value" | "Failure"; readonly n: number }
  | { readonly _tag: "Defect" | "Both" | "Interrupt" | "LoadTimeout" | "StoreError" | "Left" }

export interface Held {
  readonly n: number
  readonly isValue: boolean
  /** Reads cannot move its end past this. */
  readonly until: number
  softAt: number
  expiresAt: number
  reads: number
  /** A load of this process has answered since: it is no fallback. */
  answered: boolean
}

/** The state of a cache for one key. */
export interface Reference {
  /** Without an error schema failures stay in memory, and there may be none. */
  readonly storesFailures: boolean
  held: Held | undefined
  retryAt: number
  /** The number of the last load. */
  n: number
  counts: Counts
}

interface Counts {
  served: number
  misses: number
  stale: number
  loads: number
  loadFailures: number
  refreshes: number
}

const noCounts = (): Counts => ({ served: 0, misses: 0, stale: 0, loads: 0, loadFailures: 0, refreshes: 0 })

export const make = (storesFailures: boolean): Reference => ({
  storesFailures,
  held: undefined,
  retryAt: 0,
  n: 0,
  counts: noCounts()
})

/** Another process on the same store: the counts of the first one are gone. */
export const restart = (self: Reference): void => {
  self.counts = noCounts()
  self.retryAt = 0
  if (self.held !== undefined) Object.assign(self.held, { reads: 0, answered: false })
}

const stateOf = ({ held, retryAt }: Reference, strategy: Strategy, now: number): State => {
  if (held === undefined) return "absent"
  if (now >= held.expiresAt) return "past its end"
  const past = { isAnswered: held.answered, pausedUntil: retryAt > 0 ? retryAt : -Infinity }
  return stateAfter(strategy, liveStateOf(strategy, held, now), past, now)
}

const liveStateOf = (strategy: Strategy, { reads, softAt }: Held, now: number): State => {
  if (softAt === -Infinity) return "softened"
  if ((strategy === "maxHits" && reads >= hits) || (strategy === "dynamic" && reads >= 3)) return "used up"
  return now >= softAt || strategy === "failover" || strategy === "dynamic" ? "due" : "fresh"
}

const ttlOf = (strategy: Strategy): number =>
  strategy === "untilInvalidated" ? Infinity : strategy === "dynamic" ? 86_400_000 : millis.ttl

const retryAfterOf = (strategy: Strategy): number => strategy === "failover" ? 0 : 5000

export const isLive = ({ held }: Reference, now: number): boolean => held !== undefined && now < held.expiresAt

export interface Step {
  readonly now: number
  readonly strategy: Strategy
  readonly policy: Policy
  readonly outcome: OutcomeName
  /** The elements of a stream are read, which have no `softTimeout`. */
  readonly isStream: boolean
}

export interface Expected {
  readonly answer: Answer
  readonly tookMillis: number
}

/** One read, with all that comes of it. */
export const read = (self: Reference, step: Step): Expected => {
  const { now, outcome, policy, strategy } = step
  const access = accessOf[policy]
  if (!access.cached) {
    const n = ++self.n
    return outcome === "left"
      ? { answer: { _tag: "Left" }, tookMillis: millis.wait }
      : { answer: answerOf(outcome, n), tookMillis: takes(outcome) }
  }
  if (access.forgets) forget(self)
  const { held } = self
  const state = stateOf(self, strategy, now)
  const { begins, gets } = cellOf(strategy, policy, state)!
  if (begins === "load") {
    self.counts.misses++
    return load(self, step, { isRefresh: false, stale: gets === "either" ? held : undefined })
  }
  if (begins === "refresh") {
    self.counts.refreshes++
    load(self, step, { isRefresh: true, stale: held })
  }
  return state === "paused" && fallsBack(strategy) ? servedStale(self, held!) : served(self, step, held!)
}

const servedStale = ({ counts }: Reference, held: Held): Expected => {
  counts.stale++
  held.reads++
  return { answer: valueOf(held), tookMillis: 0 }
}

export const forget = (self: Reference): void => {
  self.held = undefined
  self.retryAt = 0
}

const served = (self: Reference, { now, policy, strategy }: Step, held: Held): Expected => {
  self.counts.served++
  held.reads++
  if (strategy === "sliding" && accessOf[policy].writes) held.expiresAt = Math.min(now + millis.idle, held.until)
  return { answer: valueOf(held), tookMillis: 0 }
}

const valueOf = ({ isValue, n }: Held): Answer => ({ _tag: isValue ? "Value" : "Failure", n })

const answerOf = (outcome: OutcomeName, n: number): Answer => {
  switch (outcome) {
    case "failure":
    case "storedFailure":
      return { _tag: "Failure", n }
    case "defect":
      return { _tag: "Defect" }
    case "both":
      return { _tag: "Both" }
    case "interruption":
      return { _tag: "Interrupt" }
    default:
      return { _tag: "Value", n }
  }
}

interface Loading {
  readonly isRefresh: boolean
  readonly stale: Held | undefined
}

const load = (self: Reference, step: Step, loading: Loading): Expected => {
  const { isStream, now, outcome, strategy } = step
  const { isRefresh, stale } = loading
  const n = ++self.n
  self.counts.loads++
  const hasSoftTimeout = !isStream && fallsBack(strategy)
  // A load ends with its only caller, unless it has none.
  const isGivenUp = !isRefresh && (outcome === "timeout" || outcome === "left")
  if (!isGivenUp) complete(self, step, loading, n)
  const isFallback = stale !== undefined && !stale.answered && outcome !== "storedFailure"
  const orStale = (answer: Answer, tookMillis: number): Expected => {
    if (!isFallback || now + tookMillis >= stale.expiresAt) return { answer, tookMillis }
    return { ...servedStale(self, stale), tookMillis }
  }
  if (isRefresh) return { answer: { _tag: "Left" }, tookMillis: 0 }
  if (outcome === "left") return { answer: { _tag: "Left" }, tookMillis: millis.wait }
  if (outcome === "timeout") return orStale({ _tag: "LoadTimeout" }, millis.wait)
  if (outcome === "slow" && hasSoftTimeout && isFallback) return orStale({ _tag: "Defect" }, millis.wait)
  const answer = answerOf(outcome, n)
  return answer._tag === "Failure" ? orStale(answer, 0) : { answer, tookMillis: takes(outcome) }
}

/** Stores the result of a load, and notes its failure. */
const complete = (self: Reference, step: Step, { isRefresh, stale }: Loading, n: number): void => {
  const { outcome, policy, strategy } = step
  const at = step.now + takes(outcome)
  const isValue = answerOf(outcome, n)._tag === "Value"
  if (!isValue && outcome !== "interruption") {
    self.counts.loadFailures++
    const pause = retryAfterOf(strategy)
    const isAnswer = outcome === "storedFailure"
    if ((isRefresh || (stale !== undefined && !isAnswer)) && pause > 0) self.retryAt = at + pause
    const behind = stale ?? self.held
    if (isAnswer && accessOf[policy].writes && behind !== undefined && at < behind.expiresAt) behind.answered = true
  }
  if (!accessOf[policy].writes) return
  if (!isValue && (outcome !== "storedFailure" || !self.storesFailures)) return
  // A failure never takes the place of a value that may be served still. A fallback may not: a stored failure answers.
  const isFallbackOnly = stale !== undefined && !isRefresh && self.held !== undefined && at >= self.held.softAt
  if (!isValue && self.held?.isValue === true && at < self.held.expiresAt && !isFallbackOnly) return
  if (isValue) self.retryAt = 0
  const ttl = ttlOf(strategy)
  self.held = {
    n,
    isValue,
    until: at + ttl,
    softAt: at + (strategy === "softTtl" || strategy === "refreshAhead" ? millis.soft : ttl),
    expiresAt: at + (strategy === "sliding" ? millis.idle : ttl),
    reads: 0,
    answered: false
  }
}

/** The answer of a read, in the words of the model. */
export const describe = (exit: Exit.Exit<unknown, unknown>): Answer => {
  if (exit._tag === "Success") return { _tag: "Value", n: (exit.value as { readonly n: number }).n }
  const { reasons } = exit.cause
  if (reasons.length > 1) return { _tag: "Both" }
  const [reason] = reasons
  if (reason?._tag === "Interrupt") return { _tag: "Interrupt" }
  if (reason?._tag === "Die") return { _tag: "Defect" }
  const error = reason?.error as { readonly _tag: string; readonly n: number }
  return error._tag === "LoadTimeout" || error._tag === "StoreError"
    ? { _tag: error._tag }
    : { _tag: "Failure", n: error.n }
}
