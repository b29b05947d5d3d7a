/** Asks for a load in the background. */
import type * as Context from "effect/Context"
import type { Entry } from "../memory/entry.ts"
import { tell } from "../telemetry/events.ts"
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

/** Loads anew with nobody waiting: one per id, so many at once, tried again when it fails, ended when it hangs. */
export const refresh = (self: Flights, options: RefreshOptions): void => {
  enqueue(self, options)
  drain(self)
}

/** As `refresh`, but begins only with the next `drain`. */
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
  tell(self, request.key, id, { _tag: "Refresh" })
  flight.queued = true
  self.refreshing.queue.add(flight)
}
