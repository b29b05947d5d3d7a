/** Counters: numbers that are added to in one step. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import * as Counters from "../../store/counters.ts"
import type { Engine } from "../engine.ts"
import { asked } from "./inspect.ts"

/** Adds to a number that starts at 0; the lifetime counts where it is created. */
export const increment = (
  self: Engine,
  name: string,
  by: number,
  ttlMillis: number
): Effect.Effect<number, StoreError> =>
  Effect.clockWith((clock) => {
    const now = clock.currentTimeMillisUnsafe()
    const expiresAt = now + ttlMillis
    return self.storeTier === undefined
      ? Effect.try({
        try: () => Counters.increment(self.counters, { store: "memory", name, by, now, expiresAt }),
        catch: (error) => error as StoreError
      })
      : asked(self.storeTier, "increment", self.storeTier.store.increment(name, by, { expiresAt }))
  })
