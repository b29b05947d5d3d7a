/** Notes what happens in a run, and has it checked by its rules. */
import { Cause, Exit, Fiber } from "effect"
import { addTallies, decide } from "./decide.ts"
import { checkFailure } from "./failureRules.ts"
import { checkAlone, checkClosed, checkEnd, checkPrevious } from "./loadRules.ts"
import {
  type Interruption,
  type Load,
  type Origin,
  type Read,
  type SetOrigin,
  type Spec,
  Thrown,
  type Touch,
  type Value,
  type Write
} from "./model.ts"
import { checkOrigins, isKeptOut, noteUnanswered, until } from "./originRules.ts"
import { describe, endReading, hasConstant, liveOf, type World } from "./state.ts"
import { checkDelay } from "./timeRules.ts"

interface Loading {
  readonly spec: Spec
  readonly by: Read | undefined
  /** No caller joins it, whatever its policy. */
  readonly isAlone?: boolean
  readonly isInTransaction?: boolean
  readonly together?: ReadonlyArray<string>
}

export const beginLoad = (
  self: World,
  { by, isAlone = false, isInTransaction = false, spec, together = [spec.id] }: Loading
): Load => {
  const load: Load = {
    _tag: "Load",
    n: ++self.seq,
    id: spec.id,
    spec,
    begunAt: self.now(),
    by,
    isShared: spec.policy !== "bypass" && !isAlone && !isInTransaction,
    isInTransaction,
    fiber: Fiber.getCurrent(),
    gaveWay: undefined,
    together,
    tags: spec.tags,
    ttl: undefined,
    renews: undefined,
    failsAs: undefined,
    hasRead: false,
    oldestAt: Infinity,
    endsAt: Infinity,
    endedAt: undefined,
    ended: Infinity,
    exit: undefined
  }
  self.say(() => `load ${load.id} #${load.n} by ${spec.kind} ${spec.policy} @${by?.begun ?? "none"}`)
  checkAlone(self, load)
  self.loads.push(load)
  self.origins.set(load.n, load)
  self.open.add(load)
  return load
}

export const endLoad = (self: World, load: Load, exit: Exit.Exit<unknown, unknown>): void => {
  checkEnd(self, load, exit)
  load.exit = load.renews === undefined || Exit.hasInterrupts(exit)
    ? exit
    : Exit.succeed<Value>({ id: load.id, n: load.renews })
  load.endedAt = self.now()
  load.ended = ++self.seq
  self.say(() => `end  ${load.id} #${load.n}: ${describe(exit)}`)
}

/** A value read inside a load: the load's result ends with it, or counts from its birth, as the read requires. */
export const noteNeeded = (
  self: World,
  load: Load,
  needed: number,
  { begun, live }: { readonly begun: number; readonly live: ReadonlyArray<Load> }
): void => {
  const origin = self.origins.get(needed)
  load.hasRead = true
  // With a store a load that has ended may be joined while it is written.
  if (!load.isShared || load.spec.inherit === false || load.spec.inherit === "changes") return
  if (origin === undefined || self.config.store !== "none") return
  // A value that was renewed is as young as that.
  if (self.renewals.has(needed)) return
  // A value that is not stored, perhaps for a copy that threw, or was loaded past the cache, has no end.
  const isStored = origin._tag === "Set" ||
    (origin.isShared && !isKeptOut(origin) && origin.spec.misuse?.of !== "copy" && Exit.isSuccess(origin.exit!))
  if (isStored) {
    load.endsAt = Math.min(load.endsAt, until(self, origin))
  }
  if (origin._tag === "Set") {
    if (!origin.isOpen) load.oldestAt = Math.min(load.oldestAt, origin.askedAt)
    return
  }
  // A load whose flight has not ended can still be joined, and such a value counts as made for the reader.
  const bornAt = origin.ended < begun && !live.includes(origin) ? origin.endedAt! : Infinity
  load.oldestAt = Math.min(load.oldestAt, bornAt, origin.oldestAt)
}

/** The value that it was to replace is still right: it keeps its tags. */
export const renew = (self: World, load: Load, n: number, askedAt: number): void => {
  checkPrevious(self, load, n, askedAt)
  self.say(() => `keep ${load.id} #${n} by #${load.n}`)
  // One that was not stored has left the tags as they were.
  const { tags } = self.renewals.get(n)?.findLast((one) => !one.hasRead && !isKeptOut(one)) ?? self.origins.get(n)!
  load.renews = n
  load.tags = [...load.spec.late === "no" ? load.spec.tags : [], ...tags]
  self.renewals.set(n, [...self.renewals.get(n) ?? [], load])
}

export const beginTouch = (self: World, id: string, ttl: number): Touch => {
  const touch: Touch = {
    id,
    ttl,
    asked: ++self.seq,
    askedAt: self.now(),
    live: new Set(liveOf(self, id)),
    done: Infinity,
    doneAt: Infinity,
    isThere: false
  }
  self.touches.push(touch)
  self.say(() => `touch ${id} @${touch.asked} for ${ttl} ms`)
  return touch
}

export const endTouch = (self: World, touch: Touch, isThere: boolean): void => {
  touch.done = ++self.seq
  touch.isThere = isThere
  touch.doneAt = self.now()
  self.say(() => `done @${touch.asked}`)
}

export const beginWrite = (
  self: World,
  kind: Write["kind"],
  target: string,
  mode: Write["mode"] = "hard"
): Write => beginSet(self, { kind, target, mode, set: undefined })

const beginSet = (self: World, what: Pick<Write, "kind" | "target" | "mode" | "set">): Write => {
  const { kind, mode, set, target } = what
  const write: Write = { ...what, asked: ++self.seq, askedAt: self.now(), done: Infinity, isSentAgain: false }
  self.writes.push(write)
  self.say(() => `${set === undefined ? `invalidate ${mode}` : "set"} ${kind} ${target} @${write.asked}`)
  return write
}

export const endWrite = (self: World, write: Write): void => {
  write.done = ++self.seq
  const { features, store, storeTimeout } = self.config
  const isUnsent = store === "async" && write.kind === "tag" && self.tagsInvalidated < write.asked &&
    !features.includes("markersAmongEntries")
  write.isSentAgain = isUnsent || store !== "none" && self.now() - write.askedAt >= storeTimeout
  self.say(() => `done @${write.asked}`)
}

export const beginSetOrigin = (self: World, id: string, ttl: number, tags: ReadonlyArray<string>): SetOrigin => {
  const n = self.seq + 1
  const write = beginSet(self, { kind: "id", target: id, mode: "hard", set: n })
  const origin: SetOrigin = { _tag: "Set", n, id, ttl, tags, askedAt: self.now(), isOpen: false, write, refused: false }
  self.origins.set(n, origin)
  return origin
}

interface Reading {
  readonly interruption?: Interruption | undefined
  readonly many?: boolean
  readonly depth?: number
}

export const beginRead = (
  self: World,
  id: string,
  spec: Spec | undefined,
  { depth = 0, interruption, many = false }: Reading = {}
): Read => {
  const live = liveOf(self, id)
  const n = ++self.seq
  const read: Read = {
    n,
    id,
    begun: n,
    begunAt: self.now(),
    spec,
    live,
    interruption,
    many,
    depth,
    answered: Infinity,
    hasLeft: false
  }
  if (spec !== undefined) {
    self.counts.reads++
    if (hasConstant({ ...spec, misuse: undefined })) {
      self.constants.set(id, [...self.constants.get(id) ?? [], read])
    }
    if (spec.kind === "untilInvalidated") self.endless.add(id)
    if (spec.policy === "bypass") self.counts.bypassed++
    if (spec.policy !== "normal") self.otherPolicies.push(read)
  }
  self.reading.add(read)
  self.say(() => `read ${id} @${read.begun} ${spec === undefined ? "option" : specText(spec)}`)
  return read
}

const specText = (spec: Spec): string =>
  [
    spec.kind,
    spec.policy,
    `ttl ${spec.ttl}`,
    spec.kind === "softTtl" || spec.kind === "refreshAhead" || spec.kind === "sliding" ? `soft ${spec.soft}` : "",
    spec.tags.length > 0 ? `tags ${spec.tags.join("")}${spec.late === "no" ? "" : ` late ${spec.late}`}` : "",
    spec.timeout === undefined ? "" : `timeout ${spec.timeout}`,
    spec.softTimeout === undefined ? "" : `softTimeout ${spec.softTimeout}`,
    spec.retryAfter === undefined ? "" : `retryAfter ${spec.retryAfter}`,
    spec.failuresToo ? "failures too" : "",
    spec.kind === "maxHits" ? `${spec.hits} hits` : "",
    spec.annotates === undefined ? "" : `annotates ${JSON.stringify(spec.annotates)}`
  ].filter((part) => part !== "").join(" ")

/** Its strategy threw once its soft timeout had passed: it leaves its load with that defect. */
const isRefusedLate = (self: World, { begunAt, spec }: Read, exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.hasDies(exit) && self.now() - begunAt >= (spec?.softTimeout ?? Infinity)

export const endRead = (self: World, read: Read, exit: Exit.Exit<unknown, unknown>, interrupted: boolean): void => {
  endReading(self, read, interrupted || isRefusedLate(self, read, exit))
  self.say(() => `got  ${read.id} @${read.begun}: ${interrupted ? "interrupted" : describe(exit)}`)
  const isAsked = !interrupted || read.interruption?.requested === true
  decide(self, "no reader is interrupted for another", isAsked, () => `read ${read.id} @${read.begun}`)
  if (interrupted) {
    self.counts.interrupted++
    return noteUnanswered(self, read)
  }
  checkDelay(self, read, Exit.isFailure(exit) && !isThrown(exit, "copy"))
  checkClosed(self, read)
  if (Exit.isFailure(exit)) return checkFailure(self, read, exit.cause)
  const value = exit.value as Value
  self.given.add(value.n)
  const origin = self.origins.get(value.n)
  const what = `read ${read.id} @${read.begun} got #${value.n}`
  const isOwn = value.id === read.id && origin?.id === read.id && hasSucceeded(origin)
  decide(self, "a value is of its key", isOwn, () => what)
  if (isOwn) checkOrigins(self, read, origin, what)
}

const hasSucceeded = (origin: Origin): boolean =>
  origin._tag === "Set" || (origin.exit !== undefined && Exit.isSuccess(origin.exit))

/** Many were answered together, or none of them. */
export const endMany = (
  self: World,
  reads: ReadonlyArray<Read>,
  answers: ReadonlyArray<Exit.Exit<unknown, unknown>> | Exit.Failure<unknown, unknown>,
  interrupted: boolean
): void => {
  if (Array.isArray(answers)) {
    const isWhole = answers.length === reads.length && Array.from(new Set(reads)).every((read) => {
      const own = answers.filter((_, i) => reads[i] === read)
      // Each place of a key gets a copy of its own, and its tags are asked for too.
      return new Set(own.map(describe)).size === 1 || own.some((one) => isThrown(one, "copy", "classTags"))
    })
    decide(self, "many keys get one answer each", isWhole, () => answers.map(describe).join())
    for (const read of new Set(reads)) endRead(self, read, answers[reads.indexOf(read)]!, false)
    return
  }
  const whole = answers as Exit.Failure<unknown, unknown>
  if (interrupted) return new Set(reads).forEach((read) => endRead(self, read, whole, true))
  for (const read of reads) noteUnanswered(self, read)
  decide(self, "many keys get one answer each", !isThrown(whole, "copy"), () => "one copy has failed all of them")
  // It is the failure of one of them.
  const trials = Array.from(new Set(reads), (read) => {
    const trial: World = { ...self, say: () => {}, violations: [], tallies: new Map() }
    endRead(trial, read, whole, false)
    return trial
  })
  self.say(() => `got  many ${reads.map(({ begun, id }) => `${id} @${begun}`).join()}: ${describe(whole)}`)
  const believed = trials.find(({ violations }) => violations.length === 0) ?? trials[0]
  decide(self, "many keys get one answer each", believed !== undefined, () => `nothing was asked: ${describe(whole)}`)
  if (believed === undefined) return
  self.violations.push(...believed.violations)
  addTallies(self.tallies, believed.tallies)
}

const isThrown = (exit: Exit.Exit<unknown, unknown>, ...of: ReadonlyArray<Thrown["of"]>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) =>
    Cause.isDieReason(reason) && reason.defect instanceof Thrown && of.includes(reason.defect.of)
  )

export interface Condition {
  readonly ifAbsent?: true
  readonly ifPresent?: true
  readonly ifUnchanged?: string
}

/** From here on it is not made again. */
export const closeSet = (self: World, origin: SetOrigin): void => {
  origin.isOpen = false
  origin.askedAt = self.now()
}

/** A conditional set was answered. */
export const endSetIf = (self: World, origin: SetOrigin, { ifUnchanged }: Condition, isDone: boolean): void => {
  self.say(() => `${isDone ? "set " : "left"} ${origin.id} #${origin.n}`)
  if (!isDone) {
    origin.refused = true
    // Nothing was written.
    return void self.writes.splice(self.writes.indexOf(origin.write), 1)
  }
  endWrite(self, origin.write)
  const { faults, store } = self.config
  if (ifUnchanged === undefined || faults > 0 || store === "async" || store === "derived") return
  const name = `${origin.id} ${ifUnchanged}`
  decide(self, "operations by hand agree", !self.unchanged.has(name), () => `set ${origin.id} #${origin.n}`)
  self.unchanged.add(name)
}

/** The result of a look-up. */
export const endLookup = (self: World, read: Read, value: Value | undefined): void => {
  if (value !== undefined) return endRead(self, read, Exit.succeed(value), false)
  endUnanswered(self, read)
  checkDelay(self, read)
}

/** It was interrupted, or the tags of its key threw. */
export const endUnanswered = (self: World, read: Read): void => {
  endReading(self, read)
  self.say(() => `got  ${read.id} @${read.begun}: no answer`)
}

/** Another process removes an entry from the store: a load that runs must no longer be stored. */
export const foreignDrop = (self: World, id: string): void => {
  const running = new Set([...self.open].filter((load) => load.id === id && load.exit === undefined))
  self.foreign.set(++self.seq, running)
  self.say(() => `another process removes ${id} @${self.seq}`)
}

/** All that has begun has ended. */
export const checkEnded = (self: World): void => {
  for (const { exit, fiber, id, n } of self.loads) {
    // It may have been interrupted before its first step.
    const hasEnded = exit !== undefined || fiber?.pollUnsafe() !== undefined
    decide(self, "all that begins ends", hasEnded, () => `load #${n} of ${id} never ended`)
  }
  for (const { begun, id } of self.reading) {
    decide(self, "all that begins ends", false, () => `read ${id} @${begun} has no answer`)
  }
}
