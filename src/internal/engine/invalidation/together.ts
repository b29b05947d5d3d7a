/** Sends unsent invalidations for several callers at once: callers that need the same one wait for one request. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as TurnLimit from "../../time/turnLimit.ts"
import { exitBefore, lateBy, timeOf } from "../storeTier/ask.ts"
import type * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, StoreTier } from "../storeTier/storeTier.ts"
import { replay } from "./pass.ts"

/** Sends unsent items within a budget, or waits while another caller sends them. Some may remain unsent. */
export const sendTogether = (
  tier: StoreTier,
  budget: Budget,
  items: ReadonlyArray<Pending.Item>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { unsent } = tier.pending
    const mine = items.filter((item) => unsent.has(item) && item.sending === undefined)
    const ofOthers = items.filter((item) => unsent.has(item) && item.sending !== undefined)
    const sent = mine.length === 0 ? Effect.void : send(tier, budget, mine)
    if (ofOthers.length === 0) return sent
    const sendings = new Map(ofOthers.map((item) => [item, item.sending!]))
    const others = Effect.forEach(new Set(sendings.values()), ({ ended }) => waitFor(tier, budget, ended), {
      discard: true
    })
    return sent.pipe(
      Effect.andThen(others),
      Effect.flatMap(() => {
        // The other caller was interrupted, or had less time.
        const again = ofOthers.filter((item) => unsent.has(item) && !sendings.get(item)!.isAnswered)
        return again.length > 0 && budget.leftMillis > 0 ? sendTogether(tier, budget, again) : Effect.void
      })
    )
  })

const send = (tier: StoreTier, budget: Budget, items: ReadonlyArray<Pending.Item>): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const sending: Pending.Sending = { ended: Latch.makeUnsafe(false), isAnswered: false }
      for (const item of items) item.sending = sending
      return sending
    }),
    (sending) =>
      Effect.map(replay(tier, budget, items), () => {
        sending.isAnswered = budget.leftMillis > 0
      }),
    (sending) =>
      Effect.sync(() => {
        for (const item of items) if (item.sending === sending) item.sending = undefined
        sending.ended.openUnsafe()
      })
  )

const waitFor = (tier: StoreTier, budget: Budget, ended: Latch.Latch): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    if (budget.leftMillis <= 0) return Effect.void
    const beganAt = timeOf(tier)
    // Thousands of callers may wait for one request, and continue in several turns.
    return Effect.flatMap(exitBefore(ended.await, lateBy(tier, clock, budget.leftMillis)), () => {
      budget.leftMillis -= timeOf(tier) - beganAt
      return TurnLimit.pass(tier.timeouts)
    })
  })
