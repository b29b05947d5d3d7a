/** The entry of an id when a read begins, as far as a user can tell from the log. */
import { accessOf, cellOf, fallsBack, type State, stateAfter } from "../../model/serving.ts"
import {
  failureOf,
  idOf,
  type Load,
  type Log,
  overlap,
  type Read,
  type Run,
  type Spec,
  valueOf,
  verdictOf,
  type Write
} from "./log.ts"

export interface Entry {
  /** The number of the load or set. */
  readonly n: number
  readonly isValue: boolean
  readonly madeAt: number
  readonly softAt: number
  readonly loadMillis: number
  /** Reads of a sliding entry move its end no further than this. */
  readonly until: number
  /** Its end if no read moves it. */
  readonly firstEnd: number
  endsAt: number
  /** To how many reads it was served for certain, and to how many perhaps. */
  readsAtLeast: number
  readsAtMost: number
  isSoftened: boolean
  isAnswered: boolean
  pausedUntil: number
}

/** A read, and what it meets. */
export interface Situation {
  readonly read: Read
  readonly state: State
  readonly entry: Entry | undefined
  /** Only reads with the usual policy were under way while it was. */
  readonly isAlone: boolean
}

/** The history of one id. */
interface History {
  readonly spec: Spec
  /** The part of the log that concerns the id. */
  readonly log: Log
  /** `"unknown"`: things were under way at the same time, whose order a user cannot tell. */
  entry: Entry | "unknown" | undefined
}

/** All reads that meet what is known, which they do if nothing was under way when they began. */
export const situationsOf = ({ log, specs }: Run): ReadonlyMap<Read, Situation> => {
  const situations = new Map<Read, Situation>()
  for (const spec of specs) {
    const own = log.filter((one) => idOf(one) === spec.id)
    const history: History = { spec, log: own, entry: undefined }
    const events = own.flatMap((one) => [{ at: one.n, one }, { at: one.ended, one }]).sort((a, b) => a.at - b.at)
    const open = new Set<Load | Read | Write>()
    let lastEndedAt = -Infinity
    for (const { at, one } of events) {
      if (at === one.ended) {
        open.delete(one)
        if (one._tag === "Load") lastEndedAt = one.endedAt
        note(history, one)
        continue
      }
      // A flight may end a little later than its load, in the same millisecond.
      if (one._tag === "Read" && open.size === 0 && lastEndedAt < one.begunAt) {
        const situation = situationOf(history, one)
        if (situation !== undefined) situations.set(one, situation)
      }
      open.add(one)
    }
  }
  return situations
}

const situationOf = ({ entry, log, spec }: History, read: Read): Situation | undefined => {
  if (entry === "unknown") return undefined
  const state = stateOf(read.spec, entry, read.begunAt)
  if (state === undefined) return undefined
  const isAlone = log.every((other) =>
    other === read || other._tag === "Load" || !overlap(other, read) ||
    // Which of two that come at once gets the last of the hits is not said.
    (other._tag === "Read" && other.policy === "normal" && read.policy === "normal" && spec.strategy !== "maxHits" &&
      spec.strategy !== "dynamic")
  )
  return { read, state, entry: entry && { ...entry }, isAlone }
}

/** `undefined`: unknown. */
const stateOf = (spec: Spec, entry: Entry | undefined, now: number): State | undefined => {
  if (entry === undefined) return "absent"
  if (now >= entry.endsAt) return "past its end"
  const state = liveStateOf(spec, entry, now)
  if (state === undefined) return undefined
  // A stored failure that is due is a case of its own.
  // A reader without a pause of its own keeps no other.
  const pausedUntil = spec.retryAfter > 0 ? entry.pausedUntil : Math.min(entry.pausedUntil, now)
  const after = stateAfter(spec.strategy, state, { ...entry, pausedUntil }, now)
  return entry.isValue || after === "fresh" || cellOf(spec.strategy, "normal", state)!.gets === "loaded"
    ? after
    : undefined
}

const liveStateOf = (spec: Spec, entry: Entry, now: number): State | undefined => {
  const { beta, hits, strategy } = spec
  if (entry.isSoftened) return "softened"
  switch (strategy) {
    case "softTtl":
    case "refreshAhead":
      return now >= entry.softAt ? "due" : "fresh"
    case "failover":
      return "due"
    case "maxHits":
    case "dynamic":
      if (entry.readsAtLeast >= hits) return "used up"
      return entry.readsAtMost >= hits ? undefined : strategy === "maxHits" ? "fresh" : "due"
    case "probabilistic":
      return beta > 1 && entry.loadMillis > 0 ? "due" : "fresh"
    default:
      return "fresh"
  }
}

/** Whether what is due is refreshed behind its readers. */
const refreshes = ({ strategy }: Spec, { isSoftened }: Entry): boolean =>
  cellOf(strategy, "normal", isSoftened ? "softened" : "due")?.begins === "refresh"

const note = (self: History, one: Load | Read | Write): void => {
  if (one._tag === "Load") noteLoad(self, one)
  else if (one._tag === "Write") noteWrite(self, one)
  else noteRead(self, one)
}

const takesPlace = (policy: Read["policy"]): boolean => accessOf[policy].writes && !accessOf[policy].reads

const noteLoad = (self: History, load: Load): void => {
  const { by, outcome } = load
  if (by.policy === "bypass" || outcome === "Left") return
  // An entry is as old as the read that asked for it, which may have yielded before the load began.
  const whole = { n: by.n, ended: load.ended }
  const isDisturbed = self.log.some((other) =>
    other !== load && other !== by && (overlap(other, whole) || other.n < by.n && isEndedAt(other, by.begunAt)) &&
    (other._tag === "Write" ||
      (other._tag === "Load" && other.by.policy !== "bypass") ||
      (other._tag === "Read" && takesPlace(other.policy)))
  )
  if (isDisturbed) self.entry = "unknown"
  else if (outcome !== "Value") noteFailure(self, load)
  else if (accessOf[by.policy].writes) self.entry = entryOf(self.spec, load, true)
}

/** A flight may end a little later than its load, in the same millisecond. */
const isEndedAt = (one: Load | Read | Write, at: number): boolean => one._tag === "Load" && one.endedAt === at

const noteFailure = (self: History, load: Load): void => {
  const { entry } = self
  if (entry === "unknown") return
  const { by } = load
  const { spec } = by
  const verdict = verdictOf(spec, load.outcome as "Down" | "Gone")
  const isStored = verdict === "answer" && spec.outages === "storeFailures" && accessOf[by.policy].writes
  if (entry === undefined || load.begunAt >= entry.endsAt) {
    if (isStored) self.entry = entryOf(spec, load, false)
    return
  }
  const state = stateOf(spec, entry, load.begunAt)
  const wasServed = valueOf(by) === entry.n
  const isRefresh = accessOf[by.policy].reads && refreshes(spec, entry)
  const isHidable = accessOf[by.policy].reads && fallsBack(spec.strategy)
  const isHidden = isHidable && verdict === "outage" && !entry.isAnswered
  // An entry that ends meanwhile, a stored failure, and what a function `fallbackOn` refuses, also after a timeout, are
  // cases of their own.
  const isOwnCase = load.endedAt >= entry.endsAt || !entry.isValue || verdict === "refused"
  // Whether a session that was marked as stale has ended shows only in what a failure leaves.
  const isUnseen = entry.isSoftened && spec.strategy === "sliding"
  // If a read ends in another way than it should, the cache may have another entry, too.
  const isOdd = accessOf[by.policy].reads &&
    (state === "fresh" || state === "paused" || wasServed !== (isRefresh || isHidden))
  const isLate = spec.softTimeout !== undefined && by.endedAt < load.endedAt
  if (isOwnCase || isUnseen || (isOdd && !isLate)) {
    self.entry = "unknown"
    return
  }
  // An answer that is stored takes the place of a value that was only a fallback.
  if (isStored && isHidable && (entry.isSoftened || load.endedAt >= entry.softAt)) {
    self.entry = entryOf(spec, load, false)
    return
  }
  if (verdict === "answer" && accessOf[by.policy].writes) entry.isAnswered = true
  if ((verdict === "answer" || entry.isAnswered) && !isRefresh) return
  if (isHidable || isRefresh) entry.pausedUntil = Math.max(entry.pausedUntil, load.endedAt + spec.retryAfter)
}

const entryOf = (
  { soft, strategy, ttl }: Spec,
  { begunAt, endedAt, n }: Pick<Load, "begunAt" | "endedAt" | "n">,
  isValue: boolean
): Entry => {
  const hasSoft = strategy === "softTtl" || strategy === "refreshAhead"
  const firstEnd = endedAt + (strategy === "sliding" ? Math.min(soft, ttl) : ttl)
  return {
    n,
    isValue,
    madeAt: endedAt,
    softAt: hasSoft ? endedAt + soft : Infinity,
    loadMillis: endedAt - begunAt,
    until: endedAt + ttl,
    firstEnd,
    endsAt: firstEnd,
    readsAtLeast: 0,
    readsAtMost: 0,
    isSoftened: false,
    isAnswered: false,
    pausedUntil: -Infinity
  }
}

const noteWrite = (self: History, write: Write): void => {
  const { entry, log, spec } = self
  const isDisturbed = log.some((other) =>
    other !== write && overlap(other, write) && (other._tag !== "Read" || other.policy !== "bypass")
  )
  if (isDisturbed) {
    self.entry = "unknown"
    return
  }
  if (write.kind === "remove") self.entry = undefined
  else if (write.kind === "set") {
    const firstEnd = write.begunAt + write.ttl
    const made = entryOf(spec, { begunAt: write.begunAt, endedAt: write.begunAt, n: write.n }, true)
    self.entry = { ...made, softAt: Infinity, until: firstEnd, firstEnd, endsAt: firstEnd }
  } else if (entry !== undefined && entry !== "unknown") entry.isSoftened = true
}

/** A read that was served counts, and moves the end of a sliding entry. */
const noteRead = (self: History, read: Read): void => {
  const { entry, spec } = self
  if (entry === undefined || entry === "unknown" || !accessOf[read.policy].reads) return
  const { begunAt, endedAt, policy } = read
  // A failure may be an outage to the reader that loaded, and an answer to another one.
  const failure = failureOf(read)
  const isFailure = failure === "Down" || failure === "Gone"
  if (isFailure && fallsBack(spec.strategy) && verdictOf(read.spec, failure) !== "outage") {
    entry.isAnswered = true
    // A read that writes nothing tells this only to a load that it has joined. One that began before this entry was
    // made may have been served the failure that was stored before.
    if (!accessOf[policy].writes || begunAt <= entry.madeAt) return void (self.entry = "unknown")
  }
  if (entry.isValue ? valueOf(read) !== entry.n : failureOf(read) !== "Gone") return
  entry.readsAtMost++
  // It may have waited for the load that made this, or for one that failed in the same way.
  if (begunAt <= entry.madeAt || endedAt > begunAt || begunAt >= entry.endsAt) return
  entry.readsAtLeast++
  if (spec.strategy === "sliding" && accessOf[policy].writes && !entry.isSoftened) {
    entry.endsAt = Math.max(entry.endsAt, Math.min(endedAt + spec.soft, entry.until))
  }
}
