/** Releases leases. */
import type * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { ask } from "../storeTier/ask.ts"
import type { Budget, StoreTier } from "../storeTier/storeTier.ts"

interface HeldLease {
  readonly id: string
  readonly owner: string
  /** The failure of the load, encoded. */
  readonly note?: Uint8Array | undefined
}

/** Releases a lease. If the store does not carry that out, the lease ends by itself. */
export const release = (
  tier: StoreTier,
  { id, note, owner }: HeldLease,
  budget: Budget = { leftMillis: tier.storeTimeoutMillis }
): Effect.Effect<boolean | StoreError> => ask(tier, budget, "release", tier.store.release(id, owner, note))
