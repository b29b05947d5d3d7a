/** Releases the lease of a flight. */
import type * as Exit from "effect/Exit"
import type { Flight } from "../state.ts"

/**
 * Stops renewing the lease, when the load has ended or its result will not be stored. Without a commit the lease is
 * released, so that the next process can load at once; with a failure note where the load failed.
 */
export const releaseLease = (flight: Flight, failure?: Exit.Failure<unknown, unknown>): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.renewal?.interruptUnsafe()
  if (!lease.isStored) lease.release(flight, failure)
}
