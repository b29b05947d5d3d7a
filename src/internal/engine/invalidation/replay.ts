/** The replay: sends unsent invalidations to the store again. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Defaults from "../../defaults.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, type Budget } from "../storeTier/ask.ts"
import { supervise } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"

/** Marks an item as unsent, and starts the replay if it does not run. */
export const markUnsent = (tier: StoreTier, item: Pending.Item): void => {
  Pending.markUnsent(tier.pending, item)
  if (tier.replay !== undefined || tier.front.closed) return
  tier.replay = supervise(tier.background, {
    name: "sends invalidations again",
    context: tier.front.context,
    run: replayUntilDone(tier)
  })
}

/** Replays until nothing is unsent, with longer pauses while the store does not answer. */
const replayUntilDone = Effect.fnUntraced(function*(tier: StoreTier) {
  let pauseMillis = Defaults.replay.firstMillis
  // the pause first: a replay that ended at once would end before `tier.replay` is set
  do {
    yield* Effect.sleep(pauseMillis * (0.8 + 0.4 * (yield* Random.next)))
    if (yield* replay(tier)) pauseMillis = Defaults.replay.firstMillis
    else pauseMillis = Math.min(Defaults.replay.longestMillis, pauseMillis * 2)
  } while (tier.pending.unsent.size > 0)
  tier.replay = undefined
})

/**
 * Sends each unsent item once, or those that are given, always as a removal, with a budget for each item or one for
 * `all`. Answers whether all were acknowledged.
 */
export const replay = Effect.fnUntraced(function*(tier: StoreTier, all?: Budget, items?: ReadonlyArray<Pending.Item>) {
  const { storeTimeoutMillis, pending, store } = tier
  for (const [i, item] of (items ?? Array.from(pending.unsent)).entries()) {
    // a synchronous store answers within this turn
    if (i > 0 && i % Defaults.many.steps === 0) yield* Effect.yieldNow
    const budget: Budget = all ?? { leftMillis: storeTimeoutMillis }
    const { target } = item
    const answer = target._tag === "Id"
      ? yield* ask(tier, budget, "remove", store.remove(target.id))
      : target._tag === "Tags"
      ? yield* ask(tier, budget, "invalidateTags", store.invalidateTags(target.tags, target.mode))
      : yield* ask(tier, budget, "clear", store.clear)
    if (isFault(answer)) return false
    Pending.acknowledge(pending, item)
    if (target._tag === "Tags") TagEpochs.invalidate(tier.front.tagEpochs, target.tags, target.mode)
  }
  return true
})
