/** The queue of refreshes: so many run at once. */
import type * as Schedule from "effect/Schedule"
import type { Batch } from "./batch.ts"
import type { Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"

export interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  readonly retry: Schedule.Schedule<unknown, unknown>
  /** a batch is one */
  readonly running: Set<Flight | Batch>
  readonly queue: Set<Flight>
  /** the queue is worked off by one loop, like landings */
  draining: boolean
  /** given to it, because what a load does in the end makes room in this queue */
  readonly start: (self: Flights, flight: Flight) => void
}

/** Starts what waits for room, from one loop: a refresh that ends at once would start the next inside itself. */
export const drain = (self: Flights): void => {
  const { concurrency, queue, running } = self.refreshing
  if (self.refreshing.draining) return
  self.refreshing.draining = true
  try {
    for (const flight of queue) {
      const { batch } = flight.request
      const unit = batch ?? flight
      // the flights of a batch begin together: it waits for all of them
      if (running.size >= concurrency && !running.has(unit)) {
        if (batch === undefined) break
        continue
      }
      running.add(unit)
      begin(self, flight)
    }
  } finally {
    self.refreshing.draining = false
  }
}

/** A refresh has ended, or a batch's last one. */
export const makeRoom = (self: Flights, flight: Flight): void => {
  const { batch } = flight.request
  if (batch !== undefined) {
    batch.flights.delete(flight)
    if (batch.flights.size > 0) return
  }
  if (self.refreshing.running.delete(batch ?? flight)) drain(self)
}

/** Somebody waits for it now: it need not wait for room any more. */
export const promote = (self: Flights, flight: Flight): void => {
  // nor need those of its batch, without which it does not load
  const { batch } = flight.request
  for (const one of batch?.flights ?? [flight]) if (one.queued) begin(self, one)
}

const begin = (self: Flights, flight: Flight): void => {
  self.refreshing.queue.delete(flight)
  flight.queued = false
  self.refreshing.start(self, flight)
}
