/** Requests a refresh: a load without callers. */
import type * as Context from "effect/Context"
import type { Entry } from "../memory/entry.ts"
import { emitOf } from "../telemetry/events.ts"
import * as Policy from "./callPolicy.ts"
import { makeFlight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { drain } from "./refreshQueue.ts"
import type { Request } from "./request.ts"
import { isThrottled } from "./throttle.ts"

interface RefreshOptions {
  readonly context: Context.Context<never>
  readonly request: Request
  readonly id: string
  readonly entry: Entry
  readonly now: number
}

/**
 * Refreshes an entry in the background: one flight per id, `refresh.concurrency` at once. It is retried when it fails,
 * and interrupted after `refresh.timeout`.
 */
export const refresh = (self: Flights, options: RefreshOptions): void => {
  enqueue(self, options)
  drain(self)
}

/** As `refresh`, but starts with the next `drain`. */
export const enqueue = (self: Flights, options: RefreshOptions): void => {
  const { context, entry, id, now, request } = options
  if (self.closed || self.flights.has(id) || isThrottled(self, request, id, now)) return
  const flight = makeFlight(self, {
    id,
    request,
    context,
    policy: Policy.standard,
    parent: undefined,
    refresh: true,
    readsStore: false,
    stale: entry,
    rejectedWriteId: entry.writeId
  })
  self.flights.set(id, flight)
  flight.counters.refreshes++
  flight.queued = true
  self.refreshing.queue.add(flight)
  // in the queue before listeners are told: one of them may join it, which starts it
  emitOf(self, request.key, id, { _tag: "Refresh" })
}
