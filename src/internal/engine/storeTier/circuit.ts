/**
 * Keeps a store that does not answer from being asked: after three timeouts in a row it is skipped, first for a
 * second, then for twice as long each time a probe fails; after that one operation at a time tries it.
 */
import { circuit } from "../../defaults.ts"

export interface Circuit {
  timeouts: number
  openUntil: number
  pauseMillis: number
  probing: boolean
}

/** The right to ask: as everybody, or as the one probe of an open circuit. */
export type Permit = "normal" | "probe"

export const make = (): Circuit => ({ timeouts: 0, openUntil: 0, pauseMillis: circuit.firstMillis, probing: false })

export const isOpen = (self: Circuit): boolean => self.timeouts >= circuit.timeouts

/** `undefined`: the store is not to be asked now. Who gets a probe says how it went, or that it gave up. */
export const admit = (self: Circuit, now: number): Permit | undefined => {
  if (!isOpen(self)) return "normal"
  // a wall clock that was set back must not keep it open for ever
  if ((now < self.openUntil && self.openUntil - now <= circuit.longestMillis) || self.probing) return undefined
  self.probing = true
  return "probe"
}

export const answered = (self: Circuit): void => {
  self.timeouts = 0
  self.pauseMillis = circuit.firstMillis
  self.probing = false
}

export const timedOut = (self: Circuit, permit: Permit, now: number): void => {
  if (permit === "probe") {
    self.probing = false
    self.pauseMillis = Math.min(circuit.longestMillis, self.pauseMillis * 2)
  } else if (isOpen(self)) {
    // asked before it opened: it says nothing new
    return
  }
  self.timeouts++
  if (isOpen(self)) self.openUntil = now + self.pauseMillis
}

/** it was interrupted before it could tell: the next may try */
export const gaveUp = (self: Circuit, permit: Permit): void => {
  if (permit === "probe") self.probing = false
}
