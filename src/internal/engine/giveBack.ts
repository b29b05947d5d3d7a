import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ask } from "./backend.ts"
import { encode } from "./failureNote.ts"
import type { Flight } from "./flight.ts"
import type { Engine } from "./model.ts"

/**
 * The exclusive right to load, once it serves nobody any more: the load has ended, or its result will be stored
 * nowhere. What was not stored leaves its id to the next, at once, with a note of the failure where there was one.
 */
export const giveBack = (self: Engine, flight: Flight): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.keeper?.interruptUnsafe()
  if (lease.isStored) return
  const { budgetMillis, releasing, store } = self.backend!
  const release = Effect.flatMap(
    encode(flight),
    (note) => ask(self, { leftMillis: budgetMillis }, "release", store.release(flight.id, lease.owner, note))
  )
  // what its codec needs is in the starter's context
  const fiber = Effect.runForkWith(flight.context as Context.Context<any>)(release)
  if (fiber.pollUnsafe() !== undefined) return
  releasing.add(fiber)
  fiber.addObserver(() => releasing.delete(fiber))
}
