/** Sends unsent invalidations to the store again, with backoff. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { StoreError } from "../../../CacheError.ts"
import type { Store } from "../../../ports/store.ts"
import * as StoresDefaults from "../../defaults/stores.ts"
import { exitBefore } from "../storeTier/ask.ts"
import * as Background from "../storeTier/background.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import * as Written from "../storeTier/written.ts"
import * as Log from "../telemetry/log.ts"
import { replay } from "./pass.ts"

export const markUnsent = (tier: StoreTier, item: Pending.Item): void => {
  Written.keep(item)
  for (const { write } of Pending.markUnsent(tier.pending, item)) if (write !== undefined) Written.lost(tier, write)
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
  for (const item of tier.pending.unsent) item.skips = 0
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

export const sendingOf = (
  store: Store,
  target: Pending.Item["target"]
): { readonly operation: string; readonly effect: Effect.Effect<unknown, StoreError> } => {
  switch (target._tag) {
    case "Id":
      return { operation: "remove", effect: store.remove([target.id]) }
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
    `The cache closed with invalidations that the store "${store.name}" has not acknowledged (${lost}): the invalidated ` +
      "entries may be served from it until their ttl. Invalidate them again when the store answers"
  )
}
