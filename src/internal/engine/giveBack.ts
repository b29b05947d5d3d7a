import * as Effect from "effect/Effect"
import { ask } from "./backend.ts"
import type { Flight } from "./flight.ts"
import type { Engine } from "./model.ts"

/**
 * The exclusive right to load, once it serves nobody any more: the load has ended, or its result will be stored
 * nowhere. What was not stored leaves its id to the next, at once.
 */
export const giveBack = (self: Engine, flight: Flight): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.keeper.interruptUnsafe()
  if (lease.isStored) return
  const { budgetMillis, releasing, store } = self.backend!
  const release = ask(self, { leftMillis: budgetMillis }, "release", store.release(flight.id, lease.owner))
  const fiber = Effect.runForkWith(flight.context)(release)
  if (fiber.pollUnsafe() !== undefined) return
  releasing.add(fiber)
  fiber.addObserver(() => releasing.delete(fiber))
}
