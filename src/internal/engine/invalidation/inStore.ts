/** Invalidations in the store: sent immediately, and repeated until the store acknowledges them. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import { chunk } from "../../defaults/bounds.ts"
import { isKeptOut } from "../../store/tooLarge.ts"
import { startsOf } from "../../time/chunks.ts"
import * as Policy from "../request/callPolicy.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { isFault, isRefusal } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"
import { strictly } from "../storeTier/strict.ts"
import { markUnsent, sendingOf } from "./replay.ts"

/** Removes ids from the store. Returns for each id whether the store reports that it existed. */
export const removeInStore = (
  tier: StoreTier,
  ids: ReadonlyArray<string>,
  items: ReadonlyArray<Pending.Item>,
  restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
): Effect.Effect<ReadonlyArray<boolean>> => orUnsent(tier, items, restore(removeFromStore(tier, ids, items)))

export const sendToStore = (
  tier: StoreTier,
  item: Pending.Item,
  restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
): Effect.Effect<unknown> => orUnsent(tier, [item], restore(removal(tier, item)))

const removal = (tier: StoreTier, item: Pending.Item): Effect.Effect<unknown> => {
  const { effect, operation } = sendingOf(tier.store, item.target)
  return acknowledged<unknown>(tier, [item], operation, effect)
}

const removeFromStore = (
  tier: StoreTier,
  ids: ReadonlyArray<string>,
  items: ReadonlyArray<Pending.Item>
): Effect.Effect<ReadonlyArray<boolean>> => {
  const { store } = tier
  const [first] = ids
  if (first !== undefined && ids.length === 1) {
    return Effect.map(acknowledged(tier, items, "remove", store.remove(first)), (was) => [was === true])
  }
  const parts = Effect.forEach(startsOf(ids), (from) => {
    const part = ids.slice(from, from + chunk)
    const answered = acknowledged(tier, items.slice(from, from + chunk), "remove", store.removeMany(part))
    // A store that fails synchronously answers in the current turn, so later parts begin in turns of their own.
    return Effect.map(
      from === 0 ? answered : Effect.andThen(Effect.yieldNow, answered),
      (removed) => removed ?? part.map(() => false)
    )
  })
  return Effect.map(parts, (removed) => removed.flat())
}

/**
 * Marks the items as unsent if the effect fails or is interrupted, because an item neither acknowledged nor unsent
 * would never be sent again. Add the items outside `restore`, so that no interruption can come in between.
 */
const orUnsent = <A, R>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  effect: Effect.Effect<A, never, R>
): Effect.Effect<A, never, R> =>
  Effect.onError(effect, () => Effect.sync(() => items.forEach((item) => markUnsent(tier, item))))

/**
 * Sets a value in memory and in the store, which ends the id's generation. The id becomes pending before the value is
 * put in memory or encoded: until the store acknowledges the write, an older value must not enter memory.
 */
export const replaceInStore = <R>(
  tier: StoreTier,
  id: string,
  replaceHere: () => void,
  value: Effect.Effect<Stored | undefined | Fault, never, R>
): Effect.Effect<Stored | undefined | Fault, never, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { pending, store } = tier
    const item = Pending.addWrite(pending, id)
    const { clears } = pending
    replaceHere()
    const replacing = Effect.tap(value, (stored) => {
      if (pending.ids.get(id) !== item) {
        // A later operation on the id is pending or was acknowledged, and this write must not undo it. Until the later
        // operation is acknowledged, the store has a value older than both, so this write stays unsent.
        Pending.markUnsent(pending, item)
        return Effect.void
      }
      // If the new value cannot be stored, the older one is removed from the store.
      return stored === undefined || isFault(stored) || pending.clears !== clears
        ? removal(tier, item)
        : acknowledged(tier, [item], "set", store.set(id, stored))
    })
    return orUnsent(tier, [item], restore(replacing))
  })

/** Sends items inside `orUnsent`. Items not acknowledged by the store stay pending; only a strict caller fails. */
const acknowledged = <A>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A | undefined> =>
  Effect.withFiber((fiber) => {
    const { pending } = tier
    const policy = fiber.getRef(Policy.Current)
    const budget = budgetOf(tier, policy)
    return Effect.flatMap(
      ask(tier, budget, operation, effect),
      (answer): Effect.Effect<A | undefined> => {
        if (!isFault(answer) || isKeptOut(answer)) {
          for (const item of items) Pending.acknowledge(pending, item)
          return Effect.succeed(isFault(answer) ? undefined : answer)
        }
        const told = policy.strict ? strictly(answer) : Effect.undefined
        const [item] = items
        // If the store refuses the value, the older one is removed for other processes, unless a newer write exists.
        if (operation === "set" && item!.places > 0 && isRefusal(operation, answer)) {
          return Effect.andThen(removal(tier, item!), told)
        }
        for (const item of items) markUnsent(tier, item)
        return told
      }
    )
  })
