/**
 * Keeps a store that does not answer from being asked: after three timeouts in a row it is skipped, first for a
 * second, then for twice as long each time; after that one operation at a time tries it.
 */
export interface Circuit {
  timeouts: number
  openUntil: number
  pauseMillis: number
  probing: boolean
}

const first = 1000
const longest = 30_000

export const make = (): Circuit => ({ timeouts: 0, openUntil: 0, pauseMillis: first, probing: false })

/** whether the store may be asked now; the one that may in an open circuit is its probe */
export const admits = (self: Circuit, now: number): boolean => {
  if (self.timeouts < 3) return true
  // a wall clock that was set back must not keep it open for ever
  if ((now < self.openUntil && self.openUntil - now <= longest) || self.probing) return false
  self.probing = true
  return true
}

export const answered = (self: Circuit): void => {
  self.timeouts = 0
  self.pauseMillis = first
  self.probing = false
}

export const timedOut = (self: Circuit, now: number): void => {
  self.timeouts++
  self.probing = false
  if (self.timeouts < 3) return
  if (self.timeouts > 3) self.pauseMillis = Math.min(longest, self.pauseMillis * 2)
  self.openUntil = now + self.pauseMillis
}

/** the probe was interrupted: the next one may try */
export const gaveUp = (self: Circuit): void => {
  self.probing = false
}
