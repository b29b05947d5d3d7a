/** Makes a strict read first send the unacknowledged invalidations that affect it, and fail if they stay unsent. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import type { Policy } from "../state.ts"
import { budgetOf } from "../storeTier/ask.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { sendTogether } from "./together.ts"

/** The id and tags of a read. The tags are a function, which is called only if an invalidation is unsent. */
export interface Wanted {
  readonly id: string
  readonly tags: () => ReadonlyArray<string>
}

/** The unsent invalidations that a strict read must wait for. Invalidations that are being sent do not count. */
export const inTheWay = (
  tier: StoreTier | undefined,
  policy: Policy,
  { id, tags }: Wanted
): ReadonlyArray<Pending.Item> =>
  // A read that itself invalidates (`policy.invalidate`) need not wait, because it sends its own invalidation.
  tier === undefined || !policy.strict || policy.bypass || policy.invalidate !== undefined ||
    tier.pending.unsent.size === 0
    ? none
    : Pending.unsentOf(tier.pending, id, tags())

const none: ReadonlyArray<Pending.Item> = []

/** Sends the items again. Returns the policy for the rest of the read, with the remaining budget. */
export const sendAgain = (
  tier: StoreTier,
  policy: Policy,
  items: ReadonlyArray<Pending.Item>
): Effect.Effect<Policy> => {
  const budget = budgetOf(tier, policy)
  return Effect.map(
    sendTogether(tier, budget, items),
    () => ({ ...policy, storeTimeoutMillis: budget.leftMillis })
  )
}

/** Whether an item that was sent again is still unsent. Newer unsent items are sent when the read continues. */
export const isStuck = (sent: ReadonlyArray<Pending.Item>, inTheWay: ReadonlyArray<Pending.Item>): boolean => {
  const all = new Set(sent)
  return inTheWay.some((item) => all.has(item))
}

export const unacknowledged = ({ store }: StoreTier, operation = "get"): StoreError =>
  new StoreError({
    store: store.name,
    operation,
    reason: "Unavailable",
    cause: new Error("it has not acknowledged an earlier invalidation of that")
  })
