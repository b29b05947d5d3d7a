/** The loops that resume callers and interrupt loads: neither nests, however deep loads are. */
import type { Caller, Flight } from "./flight.ts"

/** Flights that ended and interruptions to be made, each worked off by one loop: see `land` and `abandon`. */
export interface Loops {
  readonly completed: Array<Flight>
  resuming: boolean
  readonly abandoned: Array<Flight>
  abandoning: boolean
}

export const makeLoops = (): Loops => ({ completed: [], resuming: false, abandoned: [], abandoning: false })

/** Resumes from one loop: a load that ends inside another's resume would nest run loops without bound. */
export const resumeAll = (self: Loops, flight: Flight, answer: (waiter: Caller) => void): void => {
  self.completed.push(flight)
  if (self.resuming) return
  self.resuming = true
  try {
    for (let next = self.completed.pop(); next !== undefined; next = self.completed.pop()) {
      next.callers.forEach(answer)
      next.callers.clear()
    }
  } finally {
    self.resuming = false
  }
}

/** Interrupts from one loop: an interruption that abandons another load would nest run loops without bound. */
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
