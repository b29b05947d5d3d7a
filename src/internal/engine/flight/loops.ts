/**
 * Resumes callers and interrupts loads, each from one loop: deep loads would otherwise nest run loops without bound.
 */
import type { Caller, Flight } from "./flight.ts"

/** Flights whose callers are to be resumed (`resumeAll`), and flights to be interrupted (`abandon`). */
export interface Loops {
  readonly completed: Array<Flight>
  resuming: boolean
  readonly abandoned: Array<Flight>
  abandoning: boolean
}

export const makeLoops = (): Loops => ({ completed: [], resuming: false, abandoned: [], abandoning: false })

/** Resumes the callers of an ended flight. A load that ends inside another's resume is left to the outer loop. */
export const resumeAll = (self: Loops, flight: Flight, respond: (caller: Caller) => void): void => {
  self.completed.push(flight)
  if (self.resuming) return
  self.resuming = true
  try {
    for (let next = self.completed.pop(); next !== undefined; next = self.completed.pop()) {
      next.callers.forEach(respond)
      next.callers.clear()
    }
  } finally {
    self.resuming = false
  }
}

/** Interrupts a flight. An interruption that abandons another flight is left to the outer loop. */
export const abandon = (self: Loops, flight: Flight): void => {
  flight.abandoned = true
  if (flight.fiber === undefined) return
  self.abandoned.push(flight)
  if (self.abandoning) return
  self.abandoning = true
  try {
    for (let next = self.abandoned.pop(); next !== undefined; next = self.abandoned.pop()) {
      next.fiber!.interruptUnsafe()
    }
  } finally {
    self.abandoning = false
  }
}
