/** Gives the right to load back. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ask } from "../storeTier/ask.ts"
import { encode } from "../storeTier/sharedFailure.ts"
import type { Flight } from "./flight.ts"

/**
 * The exclusive right to load, once it serves nobody any more: the load has ended, or its result will be stored
 * nowhere. What was not stored leaves its id to the next, at once, with a note of the failure where there was one.
 */
export const releaseLease = (flight: Flight): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.renewal?.interruptUnsafe()
  if (lease.isStored) return
  const { storeTimeoutMillis, background, store } = lease.tier
  const { exit, isLoading, request } = flight
  const failed = isLoading && exit !== undefined && Exit.isFailure(exit)
  const release = Effect.flatMap(
    failed ? encode(lease.tier, request.key, exit) : Effect.undefined,
    (note) =>
      ask(lease.tier, { leftMillis: storeTimeoutMillis }, "release", store.release(flight.id, lease.owner, note))
  )
  // what its codec needs is in the starter's context
  const fiber = Effect.runForkWith(flight.context as Context.Context<any>)(release)
  if (fiber.pollUnsafe() !== undefined) return
  background.add(fiber)
  fiber.addObserver(() => background.delete(fiber))
}
