/** Listeners that throw, and listeners that read the cache while it is at work. */
import { type Context, Effect } from "effect"
import type { Caching } from "effect-cached"
import { cacheOf } from "../../src/internal/engine/cache.ts"
import { throwFor } from "./misuse.ts"
import { readOnce, type Simulation } from "./program.ts"
import { violate } from "./state.ts"

export const listen = (
  self: Simulation,
  caching: Caching.Shape,
  context: Context.Context<Caching.Caching>
): void => {
  const { listen, onRemoval } = cacheOf(caching)
  if (self.extras.features.has("listener")) {
    listen(throwing(self))
    listen(throwing(self))
    onRemoval(throwing(self))
  }
  if (self.extras.features.has("readingListener")) {
    listen(reading(self, context))
    onRemoval(reading(self, context))
  }
}

/** one that has thrown is not called again */
const throwing = (self: Simulation) => {
  let hasThrown = false
  return () => {
    if (hasThrown) violate(self.world, "P3: a listener that has thrown is called again")
    hasThrown = self.extras.dice.chance(0.03)
    if (hasThrown) throwFor(self, "listener", undefined)
  }
}

const reading = (self: Simulation, context: Context.Context<Caching.Caching>) => {
  let reads = false
  return () => {
    // what it reads is reported to it too
    if (reads || self.world.resting || !self.extras.dice.chance(0.05)) return
    reads = true
    Effect.runForkWith(context)(Effect.exit(readOnce(self)))
    reads = false
  }
}
