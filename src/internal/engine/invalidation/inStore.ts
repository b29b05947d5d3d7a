/** Sends invalidations and writes to the store immediately. Those not acknowledged are marked for `replay.ts`. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { SetRequest } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import { isKeptOut } from "../../store/tooLarge.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as Policy from "../request/callPolicy.ts"
import { strictly } from "../request/strict.ts"
import { ask, askInWaves, budgetOf } from "../storeTier/ask.ts"
import { isFault, isRefusal } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, Fault, StoreTier } from "../storeTier/storeTier.ts"
import { markUnsent, sendingOf } from "./replay.ts"

export const removeInStore = (
  tier: StoreTier,
  ids: ReadonlyArray<string>,
  items: ReadonlyArray<Pending.Item>,
  restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
): Effect.Effect<ReadonlyArray<boolean>> => orUnsent(tier, items, restore(removeFromStore(tier, ids, items)))

export const sendToStore = (
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
): Effect.Effect<unknown> =>
  orUnsent(
    tier,
    items,
    restore(withBudget(tier, (budget) =>
      runAll(
        items.map((item, i) => {
          // Suspended, because the budget that is left is copied.
          const sent = Effect.suspend(() => removal(tier, item, { ...budget, call: budget }))
          return i === 0 ? sent : Effect.andThen(Effect.yieldNow, sent)
        }),
        1
      )))
  )

/** Runs all parts, then raises their failures, so that under `strict` one part keeps no others from the store. */
const runAll = (parts: ReadonlyArray<Effect.Effect<unknown>>, concurrency: number | "unbounded"): Effect.Effect<void> =>
  Effect.flatMap(Effect.forEach(parts, Effect.exit, { concurrency }), Exit.asVoidAll)

const removal = (tier: StoreTier, item: Pending.Item, budget?: Budget): Effect.Effect<unknown> => {
  const { effect, operation } = sendingOf(tier.store, item.target)
  return acknowledged<unknown>(tier, [item], { operation, effect, budget })
}

const withBudget = <A>(tier: StoreTier, use: (budget: Budget) => Effect.Effect<A>): Effect.Effect<A> =>
  Effect.withFiber((fiber) => use(budgetOf(tier, fiber.getRef(Policy.Current))))

const removeFromStore = (
  tier: StoreTier,
  ids: ReadonlyArray<string>,
  items: ReadonlyArray<Pending.Item>
): Effect.Effect<ReadonlyArray<boolean>> => {
  const { store } = tier
  if (ids.length === 0) return Effect.succeed([])
  const removed = new Array<boolean>(ids.length).fill(false)
  const exits: Array<Exit.Exit<unknown>> = []
  const removing = withBudget(tier, (budget) =>
    askInWaves(ids, budget, (wave, budget, from) => {
      const sending = { operation: "remove", effect: store.remove(wave), budget }
      return Effect.map(Effect.exit(acknowledged(tier, items.slice(from, from + wave.length), sending)), (exit) => {
        exits.push(exit)
        if (Exit.isSuccess(exit)) exit.value?.forEach((was, i) => void (removed[from + i] = was))
      })
    }))
  return Effect.as(Effect.flatMap(removing, () => Exit.asVoidAll(exits)), removed)
}

/**
 * Marks the items as unsent if the effect fails or is interrupted, because a pending item that is not marked would
 * never be sent again. Add items outside `restore`, so that no interruption comes between adding them and this call.
 */
const orUnsent = <A, R>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  effect: Effect.Effect<A, never, R>
): Effect.Effect<A, never, R> =>
  Effect.onError(effect, () => Effect.sync(() => items.forEach((item) => markUnsent(tier, item))))

/**
 * Sets values in memory and in the store, which then refuses results of older loads. The ids become pending before the
 * values are put in memory or encoded, because until the store acknowledges the writes, no older value may enter
 * memory. The results of `values` are in the order of the writes.
 */
export const replaceInStore = <R>(
  tier: StoreTier,
  own: ReadonlyArray<Pending.OwnWrite>,
  replaceHere: () => void,
  values: Effect.Effect<ReadonlyArray<Stored | undefined | Fault>, never, R>
): Effect.Effect<ReadonlyArray<Stored | undefined | Fault>, never, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { pending } = tier
    const items = own.map((write) => Pending.addWrite(pending, write.entry.id, write))
    const { clears } = pending
    replaceHere()
    const replacing = Effect.tap(values, (stored) => {
      const writes: Array<Write> = []
      const removals: Array<Write> = []
      stored.forEach((entry, i) => {
        const write = { id: own[i]!.entry.id, item: items[i]!, entry: entry as Stored }
        if (entry === undefined || isFault(entry) || pending.clears !== clears) removals.push(write)
        else writes.push(write)
      })
      if (removals.length === 0) return setInStore(tier, writes)
      // If a new value cannot be stored, the old one must not stay in the store either.
      const removed = currentOf(tier, removals)
      const removing = removeFromStore(tier, removed.map(({ id }) => id), removed.map(({ item }) => item))
      // Removals and writes run concurrently, because the caller waits for both within one time limit.
      return runAll([removing, setInStore(tier, writes)], "unbounded")
    })
    return orUnsent(tier, items, restore(replacing))
  })

interface Write extends SetRequest {
  readonly item: Pending.Item
}

/**
 * Returns the writes that no later operation on the id has replaced. A later operation must not be undone, and until
 * the store acknowledges it, the store has a value older than both, so the other writes count as unsent.
 */
const currentOf = ({ pending }: StoreTier, writes: ReadonlyArray<Write>): ReadonlyArray<Write> =>
  writes.filter(({ id, item }) => {
    const isCurrent = pending.ids.get(id) === item
    if (!isCurrent) Pending.markUnsent(pending, item)
    return isCurrent
  })

/** Sends all writes together. If the store refuses them, sends each alone, because one bad value may be the cause. */
const setInStore = (tier: StoreTier, writes: ReadonlyArray<Write>): Effect.Effect<unknown> => {
  const current = currentOf(tier, writes)
  if (current.length === 0) return Effect.void
  const alone = () => runAll(current.map((write) => setInStore(tier, [write])), many.concurrency)
  const effect = tier.store.set(current.map(({ entry, id }) => ({ id, entry })))
  return acknowledged<unknown>(tier, current.map(({ item }) => item), { operation: "set", effect, alone })
}

interface Sending<A> {
  readonly operation: string
  readonly effect: Effect.Effect<A, StoreError>
  readonly alone?: () => Effect.Effect<A | undefined>
  readonly budget?: Budget | undefined
}

/** Sends items. If they are not acknowledged, marks them as unsent and fails a strict caller. Call it in `orUnsent`. */
const acknowledged = <A>(
  tier: StoreTier,
  items: ReadonlyArray<Pending.Item>,
  { alone, budget: given, effect, operation }: Sending<A>
): Effect.Effect<A | undefined> =>
  Effect.withFiber((fiber) => {
    const { front, pending } = tier
    const policy = fiber.getRef(Policy.Current)
    const budget = given ?? budgetOf(tier, policy)
    for (const item of items) item.isAsked = true
    return Effect.flatMap(
      ask(tier, budget, operation, effect),
      (answer): Effect.Effect<A | undefined> => {
        if (!isFault(answer) || isKeptOut(answer)) {
          for (const item of items) {
            // In the same step, because an entry that was read before may be older than the invalidation.
            if (item.target._tag === "Tags") {
              front.mutations++
              TagEpochs.invalidate(front.tagEpochs, item.target.tags, item.target.mode)
            }
            Pending.acknowledge(pending, item)
          }
          return Effect.succeed(isFault(answer) ? undefined : answer)
        }
        const told = policy.strict ? strictly(answer) : Effect.undefined
        const [item] = items
        if (operation === "set" && isRefusal(operation, answer)) {
          if (items.length > 1 && alone !== undefined) return alone()
          // The store refuses the value, so the older value is removed from the store, unless a newer write exists.
          if (item!.places > 0) return Effect.andThen(removal(tier, item!), told)
        }
        for (const item of items) markUnsent(tier, item)
        return told
      }
    )
  })
