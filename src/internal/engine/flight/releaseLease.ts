/** Releases the lease of a flight. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { ask } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { encode } from "../storeTier/sharedFailure.ts"
import type { Flight } from "./flight.ts"

/**
 * Stops renewing the lease, when the load has ended or its result will not be stored. Without a commit the lease is
 * released, so that the next process can load at once; with a failure note where the load failed.
 */
export const releaseLease = (flight: Flight, failure?: Exit.Failure<unknown, unknown>): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.renewal?.interruptUnsafe()
  if (lease.isStored) return
  const { storeTimeoutMillis, background, store } = lease.tier
  const release = Effect.flatMap(
    failure === undefined ? Effect.undefined : encode(lease.tier, flight.request.key, failure),
    (note) =>
      ask(lease.tier, { leftMillis: storeTimeoutMillis }, "release", store.release(flight.id, lease.owner, note))
  )
  // the services of the codec are in the context of the fiber that started the flight
  spawn(background, flight.starter.context, release)
}
