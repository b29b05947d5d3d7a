/** Restarts the lifetime of an entry: `touch`. */
import * as Effect from "effect/Effect"
import { idOf, type Key } from "../../key/ofKey.ts"
import type { Engine } from "../engine.ts"
import { noteChanged } from "../flight/flight.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { isStuck, sendAgain, unacknowledged } from "../invalidation/strictReads.ts"
import * as Memory from "../memory/memory.ts"
import * as Policy from "../request/callPolicy.ts"
import { wallNow } from "../request/context.ts"
import { strictly } from "../request/strict.ts"
import { ask, type Asking, budgetOf } from "../storeTier/ask.ts"
import * as Commits from "../storeTier/commits.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { unsentOf } from "./lookup.ts"

export const touch = (self: Engine, key: Key, ttlMillis: number): Effect.Effect<boolean> =>
  ttlMillis > 0
    ? setLifetime(self, key, ttlMillis)
    // First sets the deadline, to learn whether the entry is live: a removal reports even an expired entry as present.
    : Effect.flatMap(
      Effect.exit(setLifetime(self, key, 0)),
      (exit) => Effect.andThen(invalidateIds(self, [idOf(key)]), exit)
    )

const setLifetime = (self: Engine, key: Key, ttlMillis: number): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    const unsent = unsentOf(self.storeTier, policy, [key])
    if (unsent.length > 0) {
      return Effect.flatMap(
        sendAgain(self.storeTier!, policy, unsent),
        (left) =>
          isStuck(unsent, unsentOf(self.storeTier, left, [key]))
            ? strictly(unacknowledged(self.storeTier!, "touch"))
            : Effect.provideService(setLifetime(self, key, ttlMillis), Policy.Current, left)
      )
    }
    const { storeTier: tier } = self
    const id = idOf(key)
    if (tier === undefined) return moveDeadlines(self, id, ttlMillis, undefined)
    const budget = budgetOf(tier, policy)
    return Commits.lookup(tier, budget, new Set([id]), {
      run: () => moveDeadlines(self, id, ttlMillis, { tier, budget }),
      late: (fault) => policy.strict ? strictly(fault) : Effect.succeed(false)
    })
  })

const moveDeadlines = (
  self: Engine,
  id: string,
  ttlMillis: number,
  asking: Asking | undefined
): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    const now = wallNow(self, fiber)
    const expiresAt = now + ttlMillis
    const entry = Memory.peek(self.memory, self.tagEpochs, id)
    const wasThere = entry !== undefined && now < entry.expiresAt
    // Even if the entry has left memory, a running load may still hold a copy of it as its fallback.
    for (const copy of [entry, self.flights.get(id)?.stale]) {
      if (copy !== undefined && now < copy.expiresAt) Memory.setDeadlines(self.memory, copy, expiresAt)
    }
    markChanged(self, id)
    if (asking !== undefined) Pending.giveUp(asking.tier.pending, id)
    // While an invalidation is pending, the store may still have the invalidated entry, which must not be touched.
    if (asking === undefined || Pending.isGone(asking.tier.pending, id)) return Effect.succeed(wasThere)
    const { budget, tier } = asking
    return Effect.flatMap(
      ask(tier, budget, "touch", tier.store.touch(id, { softExpiresAt: expiresAt, expiresAt })),
      (answer) => {
        markChanged(self, id)
        // An entry that has entered memory meanwhile has the old deadlines: only the entry in the store was touched.
        if (self.memory.entries.get(id) !== entry) Memory.remove(self.memory, id, "unverified")
        return isFault(answer)
          ? policy.strict ? strictly(answer) : Effect.succeed(wasThere)
          : Effect.succeed(answer || wasThere)
      }
    )
  })

/** Prevents store answers, and results that are still being written, from entering memory with the old deadlines. */
const markChanged = (self: Engine, id: string): void => {
  self.mutations++
  const flight = self.flights.get(id)
  if (flight !== undefined && flight.phase !== "Loading") noteChanged(flight)
}
