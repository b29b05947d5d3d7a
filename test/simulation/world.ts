/** Notes what happens in a run, and has it checked against the promises P1 to P7. */
import { Cause, Exit, Fiber } from "effect"
import type { Flight } from "../../src/internal/engine/state.ts"
import * as Pending from "../../src/internal/engine/storeTier/pendingInvalidations.ts"
import { checkAbandoned } from "./abandonRules.ts"
import { checkFailure } from "./failureRules.ts"
import { heldOf, isHeld } from "./held.ts"
import { checkAlone, checkClosed, checkPinned, checkPrevious, checkThrottle } from "./loadRules.ts"
import {
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
import { checkOrigins, noteUnanswered, until } from "./originRules.ts"
export { checkTogether } from "./refreshRules.ts"
import { checkAttempts, checkGaveWay } from "./restartRules.ts"
import {
  beside,
  covers,
  describe,
  displaced,
  endReading,
  hasConstant,
  hasEnded,
  readerOf,
  refreshes,
  violate,
  wallOf,
  type World
} from "./state.ts"
import { checkDelay, noteTimers } from "./timeRules.ts"

export const beginLoad = (
  self: World,
  spec: Spec,
  flight: Flight | undefined,
  together: ReadonlyArray<string> = [spec.id]
): Load => {
  const first = flight === undefined || !self.loads.some((load) => load.flight === flight)
  const load: Load = {
    _tag: "Load",
    n: ++self.seq,
    id: spec.id,
    spec,
    begunAt: self.now(),
    flight,
    fiber: Fiber.getCurrent(),
    gaveWay: undefined,
    ticket: undefined,
    first,
    together,
    tags: spec.tags,
    ttl: undefined,
    renews: undefined,
    failsAs: undefined,
    dependencies: new Set(),
    oldestAt: Infinity,
    endsAt: Infinity,
    endedAt: undefined,
    ended: Infinity,
    exit: undefined,
    answersCaller: false
  }
  self.say(() =>
    `load ${load.id} #${load.n}${flight?.refresh === true ? " (refresh)" : ""} by ${spec.kind} ${spec.policy}`
  )
  if (flight !== undefined) {
    checkAlone(self, load, flight)
    checkAttempts(self, load, flight)
    checkAbandoned(self, load, flight)
    if (first) checkThrottle(self, load, flight)
    checkClosed(self, load)
    if (!flight.storable) displaced.add(load)
    const pending = flight.engine.storeTier?.pending
    if (pending !== undefined && Pending.isPending(pending, load.id)) beside.add(load)
  }
  self.born.set(load, flight === undefined ? load.n : readerOf(self, flight)?.begun ?? 0)
  self.loads.push(load)
  self.origins.set(load.n, load)
  self.open.add(load)
  return load
}

export const endLoad = (self: World, load: Load, exit: Exit.Exit<unknown, unknown>): void => {
  noteTimers(self)
  checkPinned(self, load, exit)
  load.exit = load.renews === undefined || Exit.hasInterrupts(exit)
    ? exit
    : Exit.succeed<Value>({ id: load.id, n: load.renews })
  load.endedAt = self.now()
  load.ended = ++self.seq
  self.say(() => `end  ${load.id} #${load.n}: ${describe(exit)}`)
}

/** The loads of an id that a reader can join. */
export const liveOf = (self: World, id: string): ReadonlyArray<Load> =>
  [...self.open].filter((load) => load.id === id && !hasEnded(load))

/** A value read inside a load: the load's result ends with it, or counts from its birth, as the read requires. */
export const noteNeeded = (
  self: World,
  load: Load,
  needed: number,
  { begun, live }: { readonly begun: number; readonly live: ReadonlyArray<Load> }
): void => {
  const origin = self.origins.get(needed)
  // With a store a load that has ended may be joined while it is written.
  if (load.flight === undefined || load.spec.inherit === false || load.spec.inherit === "changes") return
  if (origin === undefined || self.config.store !== "none") return
  // A value that was renewed is as young as that.
  if (self.renewals.has(needed)) return
  // A value that is not stored, or was loaded past the cache, has no end.
  if (origin._tag === "Set" || origin.flight?.entry !== undefined) {
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

/** A value read inside a load whose changes end the load's result. */
export const noteDependency = (
  self: World,
  load: Load,
  { id, n }: { readonly id: string; readonly n: number }
): void => {
  const origin = self.origins.get(n)
  if (load.flight === undefined || load.spec.inherit !== "changes" || origin === undefined) return
  // A call that has failed for many keys is the failure of each of them.
  const own = origin.id === id ? origin : self.loads.find((other) => other.id === id && isOfCall(other, origin))
  if (own !== undefined) load.dependencies.add(own)
}

const isOfCall = (load: Load, origin: Origin): boolean =>
  origin._tag === "Load" && origin.together.length > 1 && load.together === origin.together

/** The value that it was to replace is still right. */
export const renew = (
  self: World,
  load: Load,
  { flight, askedAt }: { readonly flight: Flight; readonly askedAt: number }
): void => {
  const { exit, tags } = flight.attempt.previous!
  const { n } = (exit as Exit.Success<Value>).value
  checkPrevious(self, load, { n, askedAt })
  self.say(() => `keep ${load.id} #${n} by #${load.n}`)
  load.renews = n
  // Those of the library begin with a tilde.
  load.tags = [...load.spec.late === "no" ? load.spec.tags : self.origins.get(n)!.tags, ...tags]
    .filter((tag) => !tag.startsWith("~"))
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
  const write: Write = { ...what, asked: ++self.seq, done: Infinity }
  self.writes.push(write)
  self.say(() => `${set === undefined ? `invalidate ${mode}` : "set"} ${kind} ${target} @${write.asked}`)
  return write
}

export const endWrite = (self: World, write: Write): void => {
  write.done = ++self.seq
  self.say(() => `done @${write.asked}`)
}

export const beginSetOrigin = (self: World, id: string, ttl: number, tags: ReadonlyArray<string>): SetOrigin => {
  const n = self.seq + 1
  const write = beginSet(self, { kind: "id", target: id, mode: "hard", set: n })
  const origin: SetOrigin = { _tag: "Set", n, id, ttl, tags, askedAt: self.now(), isOpen: false, write, refused: false }
  self.origins.set(n, origin)
  return origin
}

export const beginRead = (
  self: World,
  id: string,
  spec: Spec | undefined,
  interruption: { readonly requested: boolean } | undefined,
  many = false
): Read => {
  const live = liveOf(self, id)
  const left = new Set(live.flatMap(({ flight }) => flight?.abandoned === true ? [flight] : []))
  const read: Read = {
    n: ++self.seq,
    id,
    begun: self.seq,
    begunAt: self.now(),
    spec,
    live,
    left,
    held: undefined,
    interruption,
    many,
    answered: Infinity
  }
  const held = heldOf(self, id)
  if (spec !== undefined) self.counts.reads++
  if (spec !== undefined && hasConstant({ ...spec, misuse: undefined })) {
    self.constants.set(id, [...self.constants.get(id) ?? [], read])
  }
  if (spec?.kind === "untilInvalidated") self.endless.add(id)
  // A load that its last caller has left after `softTimeout` continues like a refresh.
  const mayRefresh = spec !== undefined &&
    (spec.kind === "refreshAhead" || spec.kind === "probabilistic" || refreshes(spec) || spec.softTimeout !== undefined)
  if (mayRefresh && !self.refreshed.has(id)) {
    self.refreshed.set(id, self.now())
  }
  if (spec?.policy === "bypass") self.counts.bypassed++
  if (spec?.policy === "writeOnly") self.overtaken.set(id, read.begun)
  if (takesPlace(spec)) self.replaced.set(id, read.begun)
  self.reading.add(read)
  self.say(() => `read ${id} @${read.begun} ${spec === undefined ? "option" : specText(spec)}`)
  return held === undefined ? read : Object.assign(read, { held })
}

const takesPlace = (spec: Spec | undefined): boolean => spec?.policy === "refresh" || spec?.policy === "writeOnly"

/** It may have taken the place of a load that began after it, where it had to wait first, and then left its own. */
const noteLeft = (self: World, read: Read, exit: Exit.Exit<unknown, unknown>): void => {
  if (!takesPlace(read.spec) || Exit.isSuccess(exit)) return
  if (self.loads.some(({ flight }) => flight !== undefined && readerOf(self, flight) === read)) return
  // Between what has begun and what begins next.
  self.replaced.set(read.id, self.seq + 0.5)
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

/** It may have waited for the loads of its id that run: the time without readers begins when it leaves. */
const noteWaited = (self: World, read: Read): void => {
  const { begunAt, id, spec } = read
  // A look-up waits for no load, and a read past the cache for its own only. One that takes no time has left with those
  // that waited before it, or has not waited.
  if (spec === undefined || spec.policy === "bypass" || self.now() === begunAt) return
  for (const load of self.open) {
    // A key of a bulk call may have no flight yet. No caller waits for a result for which the call was not asked.
    const runs = load.id === id && load.exit === undefined && load.together.includes(id)
    if (runs && mayWaitFor(self, read, load)) self.lastWaited.set(load.together, self.now())
  }
}

const mayWaitFor = (self: World, { begun, left, spec }: Read, load: Load): boolean => {
  if (load.n > begun) return true
  if ((load.flight !== undefined && left.has(load.flight)) || takesPlace(spec)) return false
  // The load may get further tags, which no caller knows when it joins.
  const declared = { ...load, tags: load.spec.late === "no" ? load.spec.tags : [] }
  return !self.writes.some((write) =>
    write.mode === "hard" && write.asked > load.n && write.done < begun && covers(write, declared)
  )
}

export const endRead = (self: World, read: Read, exit: Exit.Exit<unknown, unknown>, interrupted: boolean): void => {
  endReading(self, read)
  noteWaited(self, read)
  noteLeft(self, read, exit)
  self.say(() => `got  ${read.id} @${read.begun}: ${interrupted ? "interrupted" : describe(exit)}`)
  if (interrupted) {
    self.counts.interrupted++
    noteUnanswered(self, read)
    if (read.interruption?.requested !== true) {
      violate(self, `P3: the reader of ${read.id} @${read.begun} was interrupted`)
    }
    return
  }
  checkDelay(self, read, Exit.isFailure(exit))
  if (Exit.isFailure(exit)) return checkFailure(self, read, exit.cause)
  const value = exit.value as Value
  self.given.add(value.n)
  const origin = self.origins.get(value.n)
  const what = `read ${read.id} @${read.begun} got #${value.n}`
  if (origin === undefined || value.id !== read.id || origin.id !== read.id) return violate(self, `identity: ${what}`)
  if (origin._tag === "Load" && (origin.exit === undefined || Exit.isFailure(origin.exit))) {
    return violate(self, `identity: ${what}, which has not succeeded`)
  }
  checkGaveWay(self, read, origin, what)
  checkOrigins(self, read, origin, what)
}

/** Many were answered together, or none of them. */
export const endMany = (
  self: World,
  reads: ReadonlyArray<Read>,
  answers: ReadonlyArray<Exit.Exit<unknown, unknown>> | Exit.Failure<unknown, unknown>,
  interrupted: boolean
): void => {
  if (Array.isArray(answers)) {
    if (answers.length !== reads.length) violate(self, `many: ${answers.length} answers for ${reads.length} keys`)
    const answered = new Map<Read, string>()
    for (const [i, read] of reads.entries()) {
      const answer = describe(answers[i])
      if (answered.has(read)) {
        // Each place of a key gets a copy of its own, and its tags are asked for too.
        const hasThrown = [answers[i]!, answers[reads.indexOf(read)]!].some((one) =>
          isThrown(one, "copy") || isThrown(one, "classTags")
        )
        if (answered.get(read) !== answer && !hasThrown) {
          violate(self, `many: one key was answered ${answered.get(read)} and ${answer}`)
        }
        continue
      }
      answered.set(read, answer)
      endRead(self, read, answers[i]!, false)
    }
    return
  }
  const whole = answers as Exit.Failure<unknown, unknown>
  if (interrupted) return new Set(reads).forEach((read) => endRead(self, read, whole, true))
  for (const read of reads) noteUnanswered(self, read)
  const [reason] = whole.cause.reasons
  if (reason !== undefined && Cause.isDieReason(reason) && thrownOf(reason.defect) === "copy") {
    violate(self, "many: one value that cannot be copied has failed all of them")
  }
  // It is the failure of one of them.
  const violations = Array.from(new Set(reads), (read) => {
    const trial: World = { ...self, say: () => {}, violations: [] }
    endRead(trial, read, whole, false)
    return trial.violations
  })
  self.say(() => `got  many ${reads.map(({ begun, id }) => `${id} @${begun}`).join()}: ${describe(whole)}`)
  if (violations.some((found) => found.length === 0)) return
  for (const violation of violations[0] ?? [`many: nothing was asked, and it failed with ${describe(whole)}`]) {
    violate(self, violation)
  }
}

const isThrown = (exit: Exit.Exit<unknown, unknown>, of: Thrown["of"]): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => Cause.isDieReason(reason) && thrownOf(reason.defect) === of)

const thrownOf = (defect: unknown): string | undefined => defect instanceof Thrown ? defect.of : undefined

export interface Condition {
  readonly ifAbsent?: true
  readonly ifPresent?: true
  readonly ifUnchanged?: string
}

interface SetIf {
  readonly condition: Condition
  /** The value that must have been in memory when it was asked. */
  readonly held: Load | undefined
  readonly isDone: boolean
}

/** From here on it is not made again. */
export const closeSet = (self: World, origin: SetOrigin): void => {
  origin.isOpen = false
  origin.askedAt = self.now()
}

/** A conditional set was answered. */
export const endSetIf = (self: World, origin: SetOrigin, { condition, held, isDone }: SetIf): void => {
  const { faults, store } = self.config
  const what = `set ${origin.id} #${origin.n} ${JSON.stringify(condition)}`
  self.say(() => `${isDone ? "set " : "left"} ${origin.id} #${origin.n} ${JSON.stringify(condition)}`)
  if (!isDone) {
    origin.refused = true
    // Nothing was written.
    self.writes.splice(self.writes.indexOf(origin.write), 1)
  } else {
    endWrite(self, origin.write)
  }
  if (faults > 0 || store === "async" || store === "derived") return
  // Only the store knows its entries, and another process may have removed one.
  const isKnown = held !== undefined && store === "none" && !self.renewals.has(held.n) &&
    held.flight!.entry!.expiresAt > wallOf(self) &&
    !self.writes.some((write) => write.asked > origin.write.asked && covers(write, held))
  if (isKnown && isDone === (condition.ifAbsent === true) && condition.ifUnchanged === undefined) {
    violate(self, `set: ${what} ${isDone ? "was done" : "was not done"}, with #${held.n} there`)
  }
  if (!isDone || condition.ifUnchanged === undefined) return
  const name = `${origin.id} ${condition.ifUnchanged}`
  if (self.unchanged.has(name)) violate(self, `set: ${what} was done twice`)
  self.unchanged.add(name)
}

/** The result of `getOption`. */
export const endLookup = (self: World, read: Read, value: Value | undefined): void => {
  if (value !== undefined) return endRead(self, read, Exit.succeed(value), false)
  endReading(self, read)
  self.say(() => `got  ${read.id} @${read.begun}: none`)
  checkDelay(self, read)
  if (isHeld(self, read)) {
    violate(self, `P6: read ${read.id} @${read.begun} found nothing, but #${read.held!.n} was stored`)
  }
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

/** P7 */
export const checkFlights = (self: World): void => {
  for (const { flight, id, n } of self.loads) {
    if (flight === undefined) continue
    if (flight.exit === undefined) violate(self, `P7: the flight of load #${n} of ${id} never ended`)
    if (flight.callers.size > 0) {
      violate(self, `P7: the flight of load #${n} of ${id} has ${flight.callers.size} waiters left`)
    }
    if ((flight.attempt.waitsOn?.size ?? 0) > 0) {
      violate(self, `P7: the flight of load #${n} of ${id} still waits for another`)
    }
  }
  for (const read of self.reading) violate(self, `P7: read ${read.id} @${read.begun} has no answer`)
  checkKept(self)
}

/** Nothing runs, waits or holds a slot once all has ended. */
const checkKept = (self: World): void => {
  const engine = self.loads.find(({ flight }) => flight !== undefined)?.flight!.engine
  if (engine === undefined) return
  const { ending, flights, leaseWaits, refreshing, running, work } = engine
  const kept = {
    "flights that can be joined": new Set(flights.all()),
    "flights that run": running,
    "ids that abandoned loads keep": ending,
    "slots of refreshes": refreshing.running,
    "queued refreshes": refreshing.queue,
    "waits for a lease": leaseWaits.waiting,
    "jobs of the work loop": work.ended,
    "flights to be started": work.starting
  }
  for (const [what, { size }] of Object.entries(kept)) if (size > 0) violate(self, `P7: ${size} ${what} are left`)
}
