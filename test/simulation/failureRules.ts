/** Whether a failure may reach a reader. */
import { Cause, Exit } from "effect"
import { decide } from "./decide.ts"
import { endsRead, mayBeRefused } from "./misuse.ts"
import { Down, type Load, type Read, Thrown } from "./model.ts"
import { checkOrigins, noteServed, noteUnanswered } from "./originRules.ts"
import { describe, interruptedItself, tagOf, tooFew, type World } from "./state.ts"
import { rounding } from "./timeRules.ts"

export const checkFailure = (self: World, read: Read, cause: Cause.Cause<unknown>): void => {
  const what = () => `read ${read.id} @${read.begun} got ${describe(Exit.failCause(cause))}`
  const isLoads = (holds: boolean) => decide(self, "a failure is that of a load of the reader", holds, what)
  const failed = self.loads.findLast((load) =>
    load.id === read.id && (load.n > read.begun || read.live.includes(load)) && hasFailedWith(load, cause)
  )
  if (failed !== undefined) {
    noteServed(self, read, failed)
    return isLoads(true)
  }
  const [reason] = cause.reasons
  if (cause.reasons.every(Cause.isInterruptReason)) {
    return decide(self, "no reader is interrupted for another", false, what)
  }
  if (reason === undefined || cause.reasons.length > 1 || Cause.isInterruptReason(reason)) return isLoads(false)
  if (Cause.isDieReason(reason)) return checkDefect(self, read, reason.defect, what)
  const { error } = reason
  const tag = tagOf(error)
  if (tag === "LoadTimeout") return checkTimeout(self, read, what)
  if (tag === "StoreError" || tag === "SerializerError") {
    const cannot = self.config.faults === 0 && (self.config.store === "none" || self.config.store === "sync")
    return decide(self, "a store fails only strict readers", read.spec?.policy === "strict" && !cannot, what)
  }
  // One failure may be that of several keys.
  const stored = error instanceof Down
    ? self.loads.findLast((load) => load.id === read.id && hasFailedWith(load, cause))
    : undefined
  if (stored === undefined) return isLoads(false)
  const mayBeStored = stored.spec.failuresToo
  decide(self, "only failures that are to be stored are", mayBeStored, what)
  if (mayBeStored) checkOrigins(self, read, stored, what())
}

const hasFailedWith = (load: Load, cause: Cause.Cause<unknown>): boolean =>
  load.exit !== undefined && Exit.isFailure(load.exit) && sameCause(load.exit.cause, cause) &&
  (!Cause.hasInterrupts(cause) || interruptedItself.has(load))

const checkTimeout = (self: World, { begunAt, spec }: Read, what: () => string): void => {
  const isOver = spec?.timeout !== undefined && self.now() - begunAt >= spec.timeout - rounding
  decide(self, "a reader waits as long as it says", isOver, () => `${what()} after ${self.now() - begunAt} ms`)
}

const checkDefect = (self: World, read: Read, defect: unknown, what: () => string): void => {
  const tag = tagOf(defect)
  if (tag === "StrictFault") return decide(self, "a store fails only strict readers", false, what)
  if (defect instanceof Thrown || tag === "CacheConfigError") self.counts.refused++
  // It may have been served before it was copied.
  if (defect instanceof Thrown) noteUnanswered(self, read)
  const isOwn = defect instanceof Thrown
    ? isOfReader(self, read, defect)
    : tag === "CacheConfigError"
    ? read.spec !== undefined && mayBeRefused(read.spec)
    : undefined
  if (isOwn !== undefined) return decide(self, "what a function throws ends its own read only", isOwn, what)
  const isOfCache = (tag === "CacheClosed" && self.closeAskedAt !== undefined) ||
    (tag === "CacheCycle" && self.config.cyclic && read.interruption?.requested === true)
  decide(self, "a failure is that of a load of the reader", isOfCache, what)
}

/** An error that a function throws ends no read but its own, and only where it threw before a load. */
const isOfReader = (self: World, read: Read, thrown: Thrown): boolean => {
  if (thrown.of !== "classTags") {
    return thrown.owner !== undefined && thrown.owner === read.spec?.misuse && endsRead(thrown.owner)
  }
  // Tags are of a key: they are asked for in one read at a time.
  const caller = read.many ? read.interruption! : read
  const other = self.thrownTo.get(thrown)
  self.thrownTo.set(thrown, caller)
  return thrown.n >= read.begun && (other === undefined || other === caller)
}

const sameCause = (a: Cause.Cause<unknown>, b: Cause.Cause<unknown>): boolean =>
  a.reasons.length === b.reasons.length && a.reasons.every((reason, i) => sameReason(reason, b.reasons[i]!))

const sameReason = (a: Cause.Reason<unknown>, b: Cause.Reason<unknown>): boolean => {
  if (Cause.isFailReason(a) && Cause.isFailReason(b)) return sameThing(a.error, b.error)
  if (Cause.isDieReason(a) && Cause.isDieReason(b)) return sameThing(a.defect, b.defect)
  return a._tag === b._tag
}

const sameThing = (a: unknown, b: unknown): boolean =>
  a === b || (a === tooFew && b instanceof Error && b.message.includes("return one Exit for each key")) ||
  (a instanceof Down && b instanceof Down && a.n === b.n)
