/** The queue of refreshes: `concurrency` of them run at once. */
import type * as Schedule from "effect/Schedule"
import type { Batch } from "./batch.ts"
import type { Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"

export interface Refreshing {
  readonly concurrency: number
  readonly timeoutMillis: number
  readonly retry: Schedule.Schedule<unknown, unknown>
  /** the units that run: a flight, or a whole batch */
  readonly running: Set<Flight | Batch>
  readonly queue: Set<Flight>
  /** one loop works off the queue */
  draining: boolean
  /** passed in, not imported: the end of a flight drains this queue, which would be a circle */
  readonly start: (self: Flights, flight: Flight) => void
}

/**
 * Starts refreshes while there is room, from one loop: one that ends at once would else start the next inside itself.
 */
export const drain = (self: Flights): void => {
  const { concurrency, queue, running } = self.refreshing
  if (self.refreshing.draining) return
  self.refreshing.draining = true
  try {
    for (const flight of queue) {
      const { batch } = flight.request
      const unit = batch ?? flight
      // the flights of a running batch begin too: its call waits for all of them
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

/** Makes room when a refresh has ended: a flight, or the last flight of a batch. */
export const makeRoom = (self: Flights, flight: Flight): void => {
  const { batch } = flight.request
  if (batch !== undefined) {
    batch.flights.delete(flight)
    if (batch.flights.size > 0) return
  }
  if (self.refreshing.running.delete(batch ?? flight)) drain(self)
}

/** Starts a queued refresh at once, because a caller waits for it. */
export const promote = (self: Flights, flight: Flight): void => {
  // with the rest of its batch: the call waits for all of them
  const { batch } = flight.request
  for (const one of batch?.flights ?? [flight]) if (one.queued) begin(self, one)
}

const begin = (self: Flights, flight: Flight): void => {
  self.refreshing.queue.delete(flight)
  flight.queued = false
  self.refreshing.start(self, flight)
}
