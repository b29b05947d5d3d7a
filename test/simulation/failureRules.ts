/** Whether a failure may reach a reader. */
import { Cause, Exit } from "effect"
import { hasAnswered } from "./answerRules.ts"
import { isHeld, mayBeCompared } from "./held.ts"
import { endsRead } from "./misuse.ts"
import { Down, type Load, type Read, Thrown } from "./model.ts"
import { checkOrigin, noteServed, noteUnanswered } from "./originRules.ts"
import { describe, interruptedItself, readsNothing, tagOf, tooFew, violate, type World } from "./state.ts"
import { rounding } from "./timeRules.ts"

/** P3, P5. */
export const checkFailure = (self: World, read: Read, cause: Cause.Cause<unknown>): void => {
  const { spec } = read
  const what = `read ${read.id} @${read.begun} got ${describe(Exit.failCause(cause))}`
  for (const load of self.loads) {
    if (load.id !== read.id || !(load.n > read.begun || read.live.includes(load))) continue
    if (load.exit === undefined || Exit.isSuccess(load.exit) || !sameCause(load.exit.cause, cause)) continue
    if (Cause.hasInterrupts(cause) && !interruptedItself.has(load)) continue
    if (spec?.failuresToo === true) load.answersCaller = true
    checkFallback(self, read, load, what)
    // A waiting caller may have been served from memory in the end, which extends the entry's life.
    noteServed(self, read, load)
    return
  }
  if (cause.reasons.length !== 1) return violate(self, `P3: ${what}, which no load has failed with`)
  const reason = cause.reasons[0]!
  if (Cause.isDieReason(reason)) {
    if (reason.defect instanceof Thrown) return checkThrown(self, read, reason.defect, what)
    const tag = tagOf(reason.defect)
    if (tag === "CacheConfigError" && isWrong(read)) return noteRefused(self)
    if (tag === "CacheClosed" && self.closeAskedAt !== undefined) return
    if (tag === "CacheCycle" && self.config.cyclic && read.interruption?.requested === true) return
    return violate(self, `P5: ${what}, which no load has died of`)
  }
  if (Cause.isInterruptReason(reason)) return violate(self, `P3: ${what}, but no caller interrupted it`)
  const { error } = reason
  const tag = tagOf(error)
  if (tag === "LoadTimeout") {
    if (spec?.timeout === undefined || self.now() - read.begunAt < spec.timeout - rounding) {
      violate(self, `timeout: ${what} too early`)
    }
    return
  }
  if (tag === "StoreError" || tag === "SerializerError") {
    const cannot = self.config.faults === 0 && (self.config.store === "none" || self.config.store === "sync")
    if (spec?.policy !== "strict" || cannot) violate(self, `P4: ${what}`)
    return
  }
  // One failure may be that of several keys.
  const origin = error instanceof Down
    ? self.loads.findLast(({ exit, id }) =>
      id === read.id && exit !== undefined && Exit.isFailure(exit) && sameCause(exit.cause, cause)
    )
    : undefined
  if (origin === undefined) return violate(self, `P3: ${what}`)
  if (
    !origin.spec.failuresToo || origin.exit === undefined || Exit.isSuccess(origin.exit) ||
    !sameCause(origin.exit.cause, cause)
  ) {
    return violate(self, `P5: ${what}, which must not be stored`)
  }
  checkOrigin(self, read, origin, what)
  noteServed(self, read, origin)
}

/** P3: an error that a function throws ends no read but its own, and only where it threw before a load. */
const checkThrown = (self: World, read: Read, thrown: Thrown, what: string): void => {
  noteRefused(self)
  // It may have been served before it was copied.
  noteUnanswered(self, read)
  if (thrown.of === "classTags") return checkAlone(self, read, thrown, what)
  if (thrown.owner === undefined || thrown.owner !== read.spec?.misuse) {
    return violate(self, `P3: ${what}, of a function that is not its own`)
  }
  if (!endsRead(thrown.owner)) violate(self, `P3: ${what}, about a value that was loaded`)
}

/** Tags are of a key: they are asked for in one read at a time. */
const checkAlone = (self: World, read: Read, thrown: Thrown, what: string): void => {
  if (thrown.n < read.begun) return violate(self, `P3: ${what}, which threw before it began`)
  const caller = read.many ? read.interruption! : read
  const other = self.thrownTo.get(thrown)
  if (other !== undefined && other !== caller) violate(self, `P3: ${what}, which ended another read too`)
  self.thrownTo.set(thrown, caller)
}

/** A strategy that gives no decision, and an option that is no duration. */
const isWrong = ({ spec }: Read): boolean => spec?.misuse?.of === "decide" || spec?.misuse?.of === "options"

const noteRefused = (self: World): void => void self.counts.refused++

/** P6: a typed failure is answered with the stale value where there is one. */
const checkFallback = (self: World, read: Read, load: Load, what: string): void => {
  const { held, spec } = read
  // Many readers of one load count as one failure.
  if (spec === undefined || read.many || (spec.kind !== "softTtl" && spec.kind !== "failover") || readsNothing(spec)) {
    return
  }
  if (load.exit === undefined || Exit.isSuccess(load.exit) || held === undefined || !isHeld(self, read)) return
  if (mayBeCompared(self, read)) return
  const { cause } = load.exit
  if (!Cause.hasFails(cause) || cause.reasons.some((reason) => !Cause.isFailReason(reason))) return
  // It may be an answer to the loading caller, or to this reader, or there was one before.
  if (load.spec.failuresToo || spec.failuresToo || hasAnswered(load.flight)) return
  violate(self, `P6: ${what}, though #${held.n} was there to fall back on`)
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
