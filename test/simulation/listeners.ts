/** Listeners that throw, and listeners that use the cache while it is at work. */
import { type Context, Effect } from "effect"
import type { Caching } from "effect-cached"
import { listenersOf } from "../support/listeners.ts"
import { decide } from "./decide.ts"
import { throwFor } from "./misuse.ts"
import type { Dice } from "./plan.ts"
import { readOnce, type Simulation, writeOnce } from "./program.ts"

export const listen = (
  self: Simulation,
  caching: Caching.Shape,
  context: Context.Context<Caching.Caching>
): void => {
  const { listen, onRemoval } = listenersOf(caching)
  if (self.extras.features.has("listener")) {
    listen(throwing(self))
    listen(throwing(self))
    onRemoval(throwing(self))
  }
  if (self.extras.features.has("readingListener")) {
    listen(busy(self, self.extras.dice, context, readOnce))
    onRemoval(busy(self, self.extras.dice, context, readOnce))
  }
  if (self.extras.features.has("writingListener")) {
    const dice = self.extras.diceOf("writingListener")
    listen(busy(self, dice, context, writeOnce))
    onRemoval(busy(self, dice, context, writeOnce))
  }
}

/** One that has thrown is not called again. */
const throwing = (self: Simulation) => {
  let hasThrown = false
  return () => {
    decide(self.world, "a listener that has thrown is not called again", !hasThrown, () => "it was")
    hasThrown = self.extras.dice.chance(0.03)
    if (hasThrown) throwFor(self, "listener", undefined)
  }
}

const busy = (
  self: Simulation,
  dice: Dice,
  context: Context.Context<Caching.Caching>,
  run: (self: Simulation) => Effect.Effect<unknown, unknown, Caching.Caching>
) => {
  let isBusy = false
  return () => {
    // A listener's own operations are reported to it too.
    if (isBusy || self.world.resting || !dice.chance(0.05)) return
    isBusy = true
    Effect.runForkWith(context)(Effect.exit(run(self)))
    isBusy = false
  }
}
