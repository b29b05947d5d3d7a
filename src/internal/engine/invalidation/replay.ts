/** Sends unsent invalidations to the store again, with backoff. */
import * as Dependents from "#platform/engine/memory/dependents"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { StoreError } from "../../../CacheError.ts"
import type { RemoveOptions, Store } from "../../../ports/store.ts"
import * as BoundsDefaults from "../../defaults/bounds.ts"
import * as StoresDefaults from "../../defaults/stores.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, exitBefore } from "../storeTier/ask.ts"
import * as Background from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import * as OwnWrites from "../storeTier/ownWrites.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, StoreTier } from "../storeTier/storeTier.ts"
import * as Log from "../telemetry/log.ts"

export const markUnsent = (tier: StoreTier, item: Pending.Item): void => {
  OwnWrites.keep(item)
  for (const { write } of Pending.markUnsent(tier.pending, item)) if (write !== undefined) OwnWrites.lost(tier, write)
  if (tier.replay !== undefined || tier.front.closed) return
  tier.replay = Background.supervise(tier.background, {
    name: "sends invalidations again",
    context: tier.front.context,
    run: replayUntilDone(tier, StoresDefaults.replay.firstMillis)
  })
}

export const replayNow = (tier: StoreTier): void => {
  if (tier.replay === undefined || tier.front.closed) return
  tier.replay.interruptUnsafe()
  tier.replay = Background.supervise(tier.background, {
    name: "sends invalidations again",
    context: tier.front.context,
    run: replayUntilDone(tier, 1)
  })
}

const replayUntilDone = Effect.fnUntraced(function*(tier: StoreTier, firstMillis: number) {
  let pauseMillis = firstMillis
  // The pause comes first, because a replay that ended synchronously would end before `tier.replay` is assigned.
  do {
    yield* Effect.sleep(pauseMillis * (0.8 + 0.4 * (yield* Random.next)))
    if (yield* replay(tier)) pauseMillis = StoresDefaults.replay.firstMillis
    else {pauseMillis = Math.min(
        StoresDefaults.replay.longestMillis,
        Math.max(StoresDefaults.replay.firstMillis, pauseMillis * 2)
      )}
  } while (tier.pending.unsent.size > 0)
  tier.replay = undefined
})

/** Sends `items`, or else all unsent items. They share the budget `all`, if given. Returns whether all were sent. */
export const replay = Effect.fnUntraced(function*(tier: StoreTier, all?: Budget, items?: ReadonlyArray<Pending.Item>) {
  const { storeTimeoutMillis, pending, store } = tier
  for (const [i, wave] of wavesOf(items ?? Array.from(pending.unsent)).entries()) {
    // A synchronous store answers in the current turn, so a long replay yields from time to time.
    if (i > 0) yield* Effect.yieldNow
    const budget: Budget = all ?? { leftMillis: storeTimeoutMillis }
    const isAnswered = yield* acknowledgeWritten(tier, budget, wave)
    if (!isAnswered) return sendLast(pending, wave)
    // Skips replaced items. Reads `write` now: the store may report a removal, which clears `write`, before it answers.
    const current = wave.filter(isOpen)
    const writes = current.map(({ write }) => write)
    const [first] = current
    if (first === undefined) continue
    const { effect, operation } = current.length === 1
      ? sendingOf(store, first.target)
      : { operation: "remove", effect: store.removeMany(current.map(({ target }) => (target as OfId).id)) }
    const answer = yield* ask<unknown>(tier, budget, operation, effect)
    if (isFault(answer)) return sendLast(pending, wave)
    for (const [at, item] of current.entries()) {
      const { target } = item
      const write = writes[at]
      if (write !== undefined && isOpen(item)) OwnWrites.lost(tier, write)
      acknowledge(tier, item)
      if (target._tag === "Tags") TagEpochs.invalidate(tier.front.tagEpochs, target.tags, target.mode)
    }
  }
  return true
})

/** Moves unsent items to the end: others, which the store may accept, are sent first next time. */
const sendLast = ({ unsent }: Pending.PendingInvalidations, items: ReadonlyArray<Pending.Item>): false => {
  for (const item of items) if (unsent.delete(item)) unsent.add(item)
  return false
}

/** Acknowledges an item. An entry that depends on its id may have been read from the store before the answer. */
const acknowledge = ({ front, pending }: StoreTier, item: Pending.Item): void => {
  const { target } = item
  if (target._tag === "Id" && isOpen(item)) {
    front.mutations++
    Dependents.idChanged(front.memory.dependents, front.tagEpochs, target.id)
  }
  Pending.acknowledge(pending, item)
}

type OfId = Extract<Pending.Item["target"], { readonly _tag: "Id" }>

const isOpen = ({ places }: Pending.Item): boolean => places > 0

/** Acknowledges the writes that the store has carried out after all. Returns whether the store has answered. */
const acknowledgeWritten = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  items: ReadonlyArray<Pending.Item>
) {
  const writes = items.flatMap((item) =>
    item.write === undefined || !isOpen(item) ? [] : [{ item, entry: item.write.entry }]
  )
  if (writes.length === 0) return true
  const found = yield* ask(tier, budget, "getMany", tier.store.getMany(writes.map(({ entry: { id } }) => id)))
  if (isFault(found)) return false
  writes.forEach(({ entry, item }, i) => {
    // The store has the written value, and this process knows of no newer one.
    if (item.write !== undefined && found[i]?.meta.writeId === entry.writeId) acknowledge(tier, item)
  })
  return true
})

/** Ids form waves, and other items are sent alone. A wave is short, because a newer write may begin during the wave. */
const wavesOf = (items: ReadonlyArray<Pending.Item>): ReadonlyArray<ReadonlyArray<Pending.Item>> => {
  const waves: Array<Array<Pending.Item>> = []
  let ofIds: Array<Pending.Item> | undefined
  for (const item of items) {
    if (item.target._tag === "All") waves.unshift([item])
    else if (item.target._tag === "Tags") waves.push([item])
    else if (ofIds !== undefined && ofIds.length < BoundsDefaults.many.steps) ofIds.push(item)
    else waves.push(ofIds = [item])
  }
  return waves
}

export const sendingOf = (
  store: Store,
  target: Pending.Item["target"],
  options?: RemoveOptions
): { readonly operation: string; readonly effect: Effect.Effect<unknown, StoreError> } => {
  switch (target._tag) {
    case "Id":
      return { operation: "remove", effect: store.remove(target.id, options) }
    case "Tags":
      return { operation: "invalidateTags", effect: store.invalidateTags(target.tags, target.mode) }
    case "All":
      return { operation: "clear", effect: store.clear }
  }
}

/** Ends the background work of a store, and sends pending items once more. Both share one store timeout. */
export const closeStore = (tier: StoreTier): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { background, pending, storeTimeoutMillis } = tier
    Pending.markAllUnsent(pending)
    // Both run concurrently, because a subscription that closes slowly must not keep the items from being sent.
    const ending = [Background.close(background), replay(tier, { leftMillis: storeTimeoutMillis, isLast: true })]
    return Effect.map(
      exitBefore(Effect.all(ending, { concurrency: "unbounded", discard: true }), Effect.sleep(storeTimeoutMillis)),
      () => countLost(tier)
    )
  })

const countLost = ({ front, pending, store }: StoreTier): void => {
  if (Pending.isEmpty(pending)) return
  const lost = front.stats.lostInvalidations = Pending.size(pending)
  Log.warning(
    front,
    `The cache closed with ${lost} invalidations that the store "${store.name}" has not acknowledged: the invalidated entries may ` +
      "be served from it until their ttl. Invalidate them again when the store answers"
  )
}
