/** Marks the stored entry of an id as stale, for all processes. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import { hasEnded } from "../../store/conditions.ts"
import { only } from "../../store/many.ts"
import * as Policy from "../request/callPolicy.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { softMark } from "../storeTier/codec.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreSteps } from "../storeTier/storeTier.ts"

/** How often a mark is tried, if other processes write the entry at the same time. */
const tries = 3

/**
 * Writes the entry again, with the mark. This ends its generation, so a load that began before stores nothing. Returns
 * its `writeId`, which stays as it is, because signed entries contain it. Without `isConstant`, no reader of an old
 * copy prolongs it. `undefined` if the entry must be removed instead: there is none, an invalidation or a write of it
 * is pending, other processes write it all the time, or the store fails.
 */
export const softenInStore: StoreSteps["soften"] = (tier, id) =>
  Effect.withFiber((fiber) => {
    const { front, store } = tier
    const budget = budgetOf(tier, fiber.getRef(Policy.Current))
    const attempt = (left: number): ReturnType<StoreSteps["soften"]> =>
      left === 0 || Pending.isPending(tier.pending, id) ? Effect.undefined : Effect.flatMap(
        ask(tier, budget, "get", store.get(id, [])),
        (answer) =>
          Effect.clockWith((clock) => {
            const entry = isFault(answer) ? undefined : answer.entry
            if (entry === undefined || hasEnded(entry.meta, front.time.now(clock))) return Effect.undefined
            const { isConstant: _, ...meta } = entry.meta
            const stale: Stored = { ...entry, meta: { ...meta, softExpiresAt: softMark } }
            const condition = { _tag: "IfUnchanged", writeId: meta.writeId } as const
            const setting = only(store.set([{ id, entry: stale, condition }]))
            return Effect.flatMap(ask(tier, budget, "set", setting), (isSet) =>
              isSet === true
                ? Effect.succeed(meta.writeId)
                : isFault(isSet)
                ? Effect.undefined
                : attempt(left - 1))
          })
      )
    return attempt(tries)
  })
