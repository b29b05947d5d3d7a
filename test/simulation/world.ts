/** Notes what happens in a run, and has it checked against the promises P1 to P7. */
import { Exit } from "effect"
import type { Flight } from "../../src/internal/engine/flight.ts"
import { checkFailure } from "./failureRules.ts"
import { heldOf, isHeld } from "./held.ts"
import { checkAlone, checkClosed, checkPinned, checkThrottle } from "./loadRules.ts"
import type { Load, Read, SetOrigin, Spec, Value, Write } from "./model.ts"
import { checkGoesOn, checkOrigin, checkStale } from "./originRules.ts"
import { describe, landed, readerOf, violate, type World } from "./state.ts"
import { checkDelay, noteTimers } from "./timeRules.ts"

export const beginLoad = (self: World, spec: Spec, flight: Flight | undefined): Load => {
  const first = flight === undefined || !self.loads.some((load) => load.flight === flight)
  const load: Load = {
    _tag: "Load",
    n: ++self.seq,
    id: spec.id,
    spec,
    begunAt: self.now(),
    flight,
    first,
    tags: spec.tags,
    endedAt: undefined,
    ended: Infinity,
    exit: undefined
  }
  self.say(() =>
    `load ${load.id} #${load.n}${flight?.refresh === true ? " (refresh)" : ""} by ${spec.kind} ${spec.policy}`
  )
  if (flight !== undefined) {
    checkAlone(self, load, flight)
    if (first) checkThrottle(self, load, flight)
    checkClosed(self, load)
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
  load.exit = exit
  load.endedAt = self.now()
  load.ended = ++self.seq
  self.say(() => `end  ${load.id} #${load.n}: ${describe(exit)}`)
}

export const beginWrite = (self: World, kind: Write["kind"], target: string): Write =>
  beginSet(self, kind, target, undefined)

const beginSet = (self: World, kind: Write["kind"], target: string, set: number | undefined): Write => {
  const write: Write = { kind, target, asked: ++self.seq, done: Infinity, set }
  self.writes.push(write)
  self.say(() => `${set === undefined ? "invalidate" : "set"} ${kind} ${target} @${write.asked}`)
  return write
}

export const endWrite = (self: World, write: Write): void => {
  write.done = ++self.seq
  self.say(() => `done @${write.asked}`)
}

export const beginSetOrigin = (self: World, id: string, ttl: number, tags: ReadonlyArray<string>): SetOrigin => {
  const n = self.seq + 1
  const origin: SetOrigin = { _tag: "Set", n, id, ttl, tags, askedAt: self.now(), write: beginSet(self, "id", id, n) }
  self.origins.set(n, origin)
  return origin
}

export const beginRead = (
  self: World,
  id: string,
  spec: Spec | undefined,
  patience: { readonly over: boolean } | undefined
): Read => {
  const live: Array<Load> = []
  for (const load of self.open) {
    if (landed(load)) continue
    if (load.id === id) live.push(load)
  }
  const read: Read = {
    n: ++self.seq,
    id,
    begun: self.seq,
    begunAt: self.now(),
    spec,
    live,
    held: undefined,
    patience
  }
  const held = heldOf(self, id)
  if (spec !== undefined) self.counts.reads++
  if ((spec?.kind === "refreshAhead" || spec?.kind === "probabilistic") && !self.refreshed.has(id)) {
    self.refreshed.set(id, self.now())
  }
  if (spec?.policy === "bypass") self.counts.bypassed++
  self.reading.add(read)
  self.say(() => `read ${id} @${read.begun} ${spec === undefined ? "option" : specText(spec)}`)
  return held === undefined ? read : Object.assign(read, { held })
}

const specText = (spec: Spec): string =>
  [
    spec.kind,
    spec.policy,
    `ttl ${spec.ttl}`,
    spec.kind === "softTtl" || spec.kind === "refreshAhead" ? `soft ${spec.soft}` : "",
    spec.tags.length > 0 ? `tags ${spec.tags.join("")}${spec.late === "no" ? "" : ` late ${spec.late}`}` : "",
    spec.timeout === undefined ? "" : `timeout ${spec.timeout}`,
    spec.softTimeout === undefined ? "" : `softTimeout ${spec.softTimeout}`,
    spec.retryAfter === undefined ? "" : `retryAfter ${spec.retryAfter}`,
    spec.failuresToo ? "failures too" : ""
  ].filter((part) => part !== "").join(" ")

const endReading = (self: World, read: Read): void => {
  self.reading.delete(read)
  self.lastRead.set(read.id, self.now())
}

export const endRead = (self: World, read: Read, exit: Exit.Exit<unknown, unknown>, interrupted: boolean): void => {
  self.reading.delete(read)
  self.say(() => `got  ${read.id} @${read.begun}: ${interrupted ? "interrupted" : describe(exit)}`)
  if (interrupted) {
    self.counts.interrupted++
    if (read.patience?.over !== true) violate(self, `P3: the reader of ${read.id} @${read.begun} was interrupted`)
    return
  }
  checkDelay(self, read)
  if (Exit.isFailure(exit)) return checkFailure(self, read, exit.cause)
  const value = exit.value as Value
  const origin = self.origins.get(value.n)
  const what = `read ${read.id} @${read.begun} got #${value.n}`
  if (origin === undefined || value.id !== read.id || origin.id !== read.id) return violate(self, `identity: ${what}`)
  if (origin._tag === "Load" && (origin.exit === undefined || Exit.isFailure(origin.exit))) {
    return violate(self, `identity: ${what}, which has not succeeded`)
  }
  checkOrigin(self, read, origin, what)
  checkStale(self, read, origin, what)
  checkGoesOn(self, read, origin, what)
}

/** what `getOption` has found */
export const endLookup = (self: World, read: Read, value: Value | undefined): void => {
  if (value !== undefined) return endRead(self, read, Exit.succeed(value), false)
  endReading(self, read)
  self.say(() => `got  ${read.id} @${read.begun}: none`)
  checkDelay(self, read)
  if (isHeld(self, read)) {
    violate(self, `P6: read ${read.id} @${read.begun} found nothing, but #${read.held!.n} was stored`)
  }
}

/** another process removes an entry from the store: what is being loaded must not be stored any more */
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
    if (flight.waiters.size > 0) {
      violate(self, `P7: the flight of load #${n} of ${id} has ${flight.waiters.size} waiters left`)
    }
    if (flight.waitsOn.size > 0) violate(self, `P7: the flight of load #${n} of ${id} still waits for another`)
  }
  for (const read of self.reading) violate(self, `P7: read ${read.id} @${read.begun} has no answer`)
}
