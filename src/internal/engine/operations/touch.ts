/** Giving an entry another lifetime. */
import * as Effect from "effect/Effect"
import { idOf, type Key } from "../../key/ofKey.ts"
import type { Engine } from "../engine.ts"
import * as Policy from "../flight/callPolicy.ts"
import { nowOf } from "../flight/context.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import * as Memory from "../memory/memory.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { strictly } from "../storeTier/strict.ts"

/** Gives what is there another lifetime from now on; `false` where there is nothing. */
export const touch = (self: Engine, key: Key, ttlMillis: number): Effect.Effect<boolean> =>
  ttlMillis > 0
    ? prolong(self, key, ttlMillis)
    // a removal would count what has expired too
    : Effect.tap(prolong(self, key, 0), () => invalidateIds(self, [idOf(key)]))

const prolong = (self: Engine, key: Key, ttlMillis: number): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    const id = idOf(key)
    const now = nowOf(fiber)
    const expiresAt = now + ttlMillis
    const entry = Memory.peek(self.memory, self.tagEpochs, id)
    const wasThere = entry !== undefined && now < entry.expiresAt
    if (wasThere) {
      entry.expiresAt = expiresAt
      if (entry.softExpiresAt !== -Infinity) entry.softExpiresAt = expiresAt
    }
    markChanged(self, id)
    // what the store has under it may be what was invalidated
    const { storeTier: tier } = self
    if (tier === undefined || Pending.isPending(tier.pending, id)) return Effect.succeed(wasThere)
    return Effect.flatMap(
      ask(tier, budgetOf(tier, policy), "touch", tier.store.touch(id, { softExpiresAt: expiresAt, expiresAt })),
      (answer) => {
        markChanged(self, id)
        // loaded meanwhile, and touched in the store alone
        if (self.memory.entries.get(id) !== entry) Memory.remove(self.memory, id, "unverified")
        return isFault(answer)
          ? policy.strict ? strictly(answer) : Effect.succeed(wasThere)
          : Effect.succeed(answer || wasThere)
      }
    )
  })

/** What was read from the store before has the old deadlines, and so has what is on its way from there or thither. */
const markChanged = (self: Engine, id: string): void => {
  self.mutations++
  const flight = self.flights.get(id)
  if (flight !== undefined && (flight.ended || !flight.isLoading)) flight.changedWhileAsked = true
}
