/** Rules that must hold when a load begins, ends or gives way. */
import { Cause, Exit } from "effect"
import type { CacheEvent, Caching } from "effect-cached"
import { listenersOf } from "../support/listeners.ts"
import { decide, excuse } from "./decide.ts"
import { nameOf } from "./fleetModel.ts"
import { mayBeRefused } from "./misuse.ts"
import type { Load, Read } from "./model.ts"
import { isPlain, until } from "./originRules.ts"
import { bornOf, covers, interruptedItself, isInterrupted, uninterruptible, type World } from "./state.ts"
import { rounding } from "./timeRules.ts"

const nameLoad = ({ id, n }: Load): string => `load #${n} of ${id}`

/** Whether something may have ended what readers share of an id: another load may then begin beside it. */
const isDisturbed = (self: World, load: Load, since: number): boolean =>
  self.closeAskedAt !== undefined ||
  // The values that a load has read may have changed.
  self.config.features.includes("derives") ||
  // The changes that a store has missed are sent again.
  self.writes.some(({ done, isSentAgain, kind, target }) =>
    (done > since || ((isSentAgain || self.config.faults > 0) && kind !== "id")) &&
    (kind !== "id" || target === load.id)
  ) ||
  self.committed.some(({ done }) => done > since) ||
  Array.from(self.foreign.keys()).some((at) => at > since) ||
  self.otherPolicies.some(({ answered, id }) => id === load.id && answered > since)

/** One at a time is loaded, unless a change or a policy asks for another one. */
export const checkAlone = (self: World, load: Load): void => {
  if (!load.isShared || load.spec.policy !== "normal") return
  for (const other of self.open) {
    if (other.id !== load.id || other.exit !== undefined || !other.isShared || other.together === load.together) {
      continue
    }
    // An interrupted load that only releases its resources loads nothing.
    const isReleasing = (isInterrupted(other.fiber) || isAbandoned(self, other, load)) && !uninterruptible.has(other)
    if (other.spec.policy !== "normal" || isReleasing || other.fiber?.pollUnsafe() !== undefined) continue
    // The call of a key that gives way, or that all readers have left, continues for its other keys.
    const { by } = other
    const isLate = by !== undefined && self.now() - by.begunAt >= (by.spec?.timeout ?? Infinity)
    // It may have given way to this reader without an event (see `watchRestarts`).
    const patience = Math.min(load.by?.spec?.timeout ?? Infinity, self.config.refreshTimeout)
    const isOutlasted = self.now() - other.begunAt >= patience - rounding
    const isLeft = isLate || isOutlasted || other.gaveWay !== undefined || by?.interruption?.requested === true ||
      (self.lastLeft.get(other.id) ?? 0) > other.n
    if (isLeft && by?.many === true) continue
    // An abandoned load keeps its id for a while; and a store that fails may lose the lease of one that hangs.
    const kept = uninterruptible.has(other) ? self.config.endingMillis : self.config.faults > 0 ? 5000 : Infinity
    const isKept = self.now() >= other.begunAt + kept
    // The reader of either may have begun before a change that has parted them.
    if (isKept || isDisturbed(self, other, Math.min(bornOf(load), bornOf(other)))) {
      excuse(self, "an id has one load")
      continue
    }
    decide(self, "an id has one load", false, () => `${nameLoad(load)} beside #${other.n}`)
  }
}

/** Its only reader has left in this turn, at the end of which it is interrupted. */
const isAbandoned = (self: World, { by, id, n }: Load, next: Load): boolean =>
  by?.interruption?.turn === self.turn &&
  ![...self.reading].some((read) => read.id === id && read.begun > n && read !== next.by)

/** It was alone, and nothing else excuses that. */
const noteAlone = (self: World, load: Load): void => {
  if (load.isShared && load.spec.policy === "normal" && !isDisturbed(self, load, bornOf(load))) {
    decide(self, "an id has one load", true, () => "")
  }
}

/** No reader has asked for it: those who did have been answered, or it is one of a refresh. */
const isBehind = ({ by }: Load): boolean => by !== undefined && by.answered < Infinity && !by.hasLeft

/** A load that no reader has to wait for continues to its end, or to its limit. */
export const checkEnd = (self: World, load: Load, exit: Exit.Exit<unknown, unknown>): void => {
  noteAlone(self, load)
  if (!load.isShared || self.closeAskedAt !== undefined) return
  const isCutOff = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause) && !interruptedItself.has(load) &&
    load.renews === undefined && load.gaveWay === undefined
  if (isBehind(load)) {
    const { begunAt, many } = load.by!
    const isAtLimit = self.now() - begunAt >= self.config.refreshTimeout - rounding
    // The load of a reader that was answered from the store may have been another's, which has left.
    const isOthers = self.config.store !== "none" && (self.lastLeft.get(load.id) ?? 0) > load.n
    if (isCutOff && (isAtLimit || many || isOthers || isDisturbed(self, load, bornOf(load)))) {
      excuse(self, "what runs behind its reader continues")
    } else {
      decide(self, "what runs behind its reader continues", !isCutOff, () => `${nameLoad(load)} was interrupted`)
    }
  }
  checkUnattended(self, load)
}

/** A load that no reader waits for ends in time. One for many keys runs as long as a caller waits for any of them. */
const checkUnattended = (self: World, load: Load): void => {
  const ids = load.together
  if (uninterruptible.has(load) || [...self.reading].some((read) => ids.includes(read.id))) return
  const since = Math.max(load.begunAt, ...ids.map((id) => self.lastRead.get(id) ?? 0))
  const unattended = self.now() - since
  // A load that it waits for may not be interruptible.
  const isHeldUp = self.loads.some((other) =>
    other !== load && uninterruptible.has(other) && (other.endedAt ?? Infinity) > since
  )
  if (isHeldUp) return excuse(self, "a load that no reader waits for ends")
  // A finalizer takes its time.
  const isInTime = unattended <= self.config.refreshTimeout + 100
  decide(self, "a load that no reader waits for ends", isInTime, () => `${nameLoad(load)} ran for ${unattended} ms`)
}

/** Nothing starts after close; a caller that was waiting when it began may still be served. */
export const checkClosed = (self: World, read: Read): void => {
  if (self.closeAskedAt === undefined || read.begunAt <= self.closeAskedAt || read.spec?.policy === "bypass") return
  const load = self.loads.find(({ by }) => by === read)
  decide(self, "a cache that closes starts no load", load === undefined, () => nameLoad(load!))
}

/** The value that a load renews must still be valid. */
export const checkPrevious = (self: World, load: Load, n: number, askedAt: number): void => {
  const previous = self.origins.get(n)
  const candidates = previous === undefined || previous.id !== load.id
    ? []
    : [previous, ...self.renewals.get(n) ?? []]
  const isGood = candidates.some((origin) =>
    origin !== load &&
    self.now() < until(self, origin) &&
    !self.writes.some((write) =>
      write.mode === "hard" && write.done <= askedAt && write.set !== origin.n && covers(write, origin) &&
      // An invalidation of an id does not look for values that are not stored.
      (write.kind === "tag" || load.spec.policy !== "readOnly") &&
      (origin._tag === "Set" ? origin.write.done <= write.asked : origin.n <= write.asked)
    )
  )
  decide(self, "a load renews what is still valid", isGood, () => `${nameLoad(load)} has read #${n}`)
}

/** Notes which loads give way, by the events of the cache. */
export const watchRestarts = (self: World, caching: Caching.Caching["Service"]): void => {
  if (!self.config.features.includes("hangs")) return
  listenersOf(caching).listen((event) => {
    if (event._tag === "Restart") noteRestart(self, event)
  })
}

const gives = "a load gives way when its readers are out of patience"

const noteRestart = (self: World, event: CacheEvent.CacheEvent & { readonly _tag: "Restart" }): void => {
  const id = nameOf(event.id)
  self.say(() => `restart of ${id} after ${event.millis} ms`)
  self.counts.restarts++
  const begunAt = self.now() - event.millis
  const running = [...self.open].filter((load) =>
    load.id === id && load.exit === undefined && load.isShared && load.gaveWay === undefined &&
    Math.abs(load.begunAt - begunAt) <= 0.5
  )
  const [load] = running
  // The load may have yielded before it began.
  if (load === undefined || running.length > 1) return excuse(self, gives)
  checkPatience(self, load, event.millis)
  load.gaveWay = self.seq
}

/** Only a load that is older than the patience of all its readers gives way, and only to readers that wait. */
const checkPatience = (self: World, load: Load, millis: number): void => {
  const { maxLoad = 60_000 } = self.config
  const what = `${nameLoad(load)} gives way after ${millis} ms`
  const readers = [...self.reading].filter(({ id, spec }) => load.together.includes(id) && spec !== undefined)
  const isWaitedFor = readers.length > 0 && self.closedAt === undefined
  const before = self.loads.filter(({ by, gaveWay }) => by === load.by && gaveWay !== undefined).length
  // A call may have been answered for this key, which was there, and still wait for its other keys.
  const mayBeBehind = load.by?.many === true &&
    self.loads.some(({ endedAt, id, n }) => id === load.id && n < load.n && endedAt !== undefined)
  // A refresh gives way to any reader after its own time.
  const isOver = (isBehind(load) || mayBeBehind) && millis >= self.config.refreshTimeout - rounding
  const patient = isOver ? undefined : readers.find((read) => {
    const own = read.spec!.timeout ?? maxLoad
    return waitsFor(self, read, load) && millis < Math.max(own, Math.min(maxLoad, own * 2 ** before)) - rounding
  })
  const text = () => `${what}, ${patient === undefined ? "and no reader waits" : `though @${patient.begun} waits`}`
  decide(self, gives, isWaitedFor && patient === undefined, text)
}

const mayAsk = ({ config: { store, storeTimeout }, now }: World, { begunAt }: Read): boolean =>
  store !== "none" && store !== "sync" && now() - begunAt < storeTimeout

/** Certainly: no stale value can be served to it, no option of its own ends it, and it does not ask the store first. */
const waitsFor = (self: World, read: Read, load: Load): boolean =>
  read.spec!.policy === "normal" && isPlain(read.spec!) && !mayBeRefused(read.spec!) && !read.many &&
  (read === load.by || read.begun > load.n && !mayAsk(self, read)) &&
  // A key of a call may have had a newer load.
  !isDisturbed(self, { ...load, id: read.id }, bornOf(load))
