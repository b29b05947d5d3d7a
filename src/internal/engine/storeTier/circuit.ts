/**
 * The circuit breaker of a store. After three timeouts in a row the store is skipped: for one second, and twice as long
 * after each probe that times out. After that time one operation at a time is let through, as a probe.
 */
import { circuit } from "../../defaults/stores.ts"

export interface Circuit {
  /** timeouts in a row */
  timeouts: number
  /** epoch milliseconds */
  openUntil: number
  pauseMillis: number
  probing: boolean
}

/** The permission to ask the store: as usual, or as the one probe of an open circuit. */
export type Permit = "normal" | "probe"

export const make = (): Circuit => ({ timeouts: 0, openUntil: 0, pauseMillis: circuit.firstMillis, probing: false })

export const isOpen = (self: Circuit): boolean => self.timeouts >= circuit.timeouts

/** `undefined`: do not ask the store now. After a permit call `answered`, `timedOut` or `gaveUp`. */
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
    // the operation began before the circuit opened: its timeout is already counted by others
    return
  }
  self.timeouts++
  if (isOpen(self)) self.openUntil = now + self.pauseMillis
}

/** An interrupted probe shows nothing: the next operation may probe. */
export const gaveUp = (self: Circuit, permit: Permit): void => {
  if (permit === "probe") self.probing = false
}
