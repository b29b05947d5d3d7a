/** A token bucket like Effect's `RateLimiterStore`: one token returns per interval while the bucket is not full. */
import type { Kind } from "../../ports/guardStore.ts"

export interface Input {
  readonly tokens: number
  readonly limit: number
  readonly refillMillis: number
}

interface Bucket {
  readonly tokens: number
  readonly refilledAt: number
}

export interface Taken {
  /** The tokens left after this call. If negative, tokens were missing, and the call took none. */
  readonly remaining: number
  readonly elapsedMillis: number
}

export const bucket: Kind<Bucket, Input, Taken> = {
  name: "bucket",
  step(stored, now, { limit, refillMillis, tokens }) {
    // Limited to the current time, because the clock may have been set back.
    const since = stored === undefined ? now : Math.min(stored.refilledAt, now)
    const refilled = Math.floor((now - since) / refillMillis)
    // Cut even if nothing was refilled, because the limit may have been lowered.
    const available = Math.min(limit, (stored === undefined ? limit : stored.tokens) + refilled)
    const refilledAt = available >= limit ? now : since + refilled * refillMillis
    const remaining = available - tokens
    const kept = remaining >= 0 ? remaining : available
    const elapsedMillis = Math.max(0, now - refilledAt)
    return {
      state: { tokens: kept, refilledAt },
      expiresAt: now + Math.max(1, Math.ceil(Math.ceil(limit - kept) * refillMillis - elapsedMillis)),
      answer: { remaining, elapsedMillis }
    }
  }
}

export const isTaken = (answer: unknown): answer is Taken =>
  typeof answer === "object" && answer !== null && Number.isFinite((answer as Partial<Taken>).remaining) &&
  Number.isFinite((answer as Partial<Taken>).elapsedMillis)
