/** Strict reads of what the store was asked in vain to invalidate: it is asked again, and they fail where that is in vain. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import type { Policy } from "../state.ts"
import { budgetOf } from "../storeTier/ask.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { replay } from "./replay.ts"

/** What is read: its tags as far as they are known, asked for only where something is unsent. */
export interface Wanted {
  readonly id: string
  readonly tags: () => ReadonlyArray<string>
}

/**
 * The invalidations that keep a strict read from its answer. One that the store is just being asked about is none: it
 * may be acknowledged in a moment.
 */
export const inTheWay = (
  tier: StoreTier | undefined,
  policy: Policy,
  { id, tags }: Wanted
): ReadonlyArray<Pending.Item> =>
  // a read that invalidates first sends its own
  tier === undefined || !policy.strict || policy.bypass || policy.invalidate !== undefined ||
    tier.pending.unsent.size === 0
    ? none
    : Pending.unsentOf(tier.pending, id, tags())

const none: ReadonlyArray<Pending.Item> = []

/** Sends them once more. Answers with the policy for the rest of the read, which has what is left of its budget. */
export const sendAgain = (
  tier: StoreTier,
  policy: Policy,
  items: ReadonlyArray<Pending.Item>
): Effect.Effect<Policy> => {
  const budget = budgetOf(tier, policy)
  return Effect.map(
    replay(tier, budget, items),
    () => ({ ...policy, storeTimeoutMillis: budget.leftMillis })
  )
}

/** Whether one that was sent again stays. What others could not send meanwhile is sent in the next turn. */
export const isStuck = (sent: ReadonlyArray<Pending.Item>, inTheWay: ReadonlyArray<Pending.Item>): boolean =>
  inTheWay.some((item) => sent.includes(item))

/** What a strict reader fails with where one stays. Its operation is what the caller has asked for. */
export const unacknowledged = ({ store }: StoreTier, operation = "get"): StoreError =>
  new StoreError({
    store: store.name,
    operation,
    reason: "Unavailable",
    cause: new Error("it has not acknowledged an earlier invalidation of that")
  })
