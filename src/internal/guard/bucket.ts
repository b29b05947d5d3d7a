/** A token bucket like Effect's `RateLimiterStore`: one token returns per interval while the bucket is not full. */
import type { Kind } from "../../ports/guardStore.ts"

export interface Input {
  readonly tokens: number
  readonly limit: number
  readonly refillMillis: number
  /** Whether a call may take tokens before they are refilled. */
  readonly allowsDebt: boolean
}

interface Bucket {
  readonly tokens: number
  readonly refilledAt: number
}

export interface Taken {
  /** The tokens left after this call. If negative, tokens were missing: the call took none, or took them as a debt. */
  readonly remaining: number
  readonly elapsedMillis: number
}

export const bucket: Kind<Bucket, Input, Taken> = {
  name: "bucket",
  step(stored, now, { allowsDebt, limit, refillMillis, tokens }) {
    let available = stored === undefined ? limit : stored.tokens
    // Limited to the current time, because the clock may have been set back.
    let refilledAt = stored === undefined ? now : Math.min(stored.refilledAt, now)
    const refilled = Math.floor((now - refilledAt) / refillMillis)
    if (refilled > 0) {
      available = Math.min(limit, available + refilled)
      refilledAt += refilled * refillMillis
    }
    if (available >= limit) refilledAt = now
    const remaining = available - tokens
    const kept = remaining >= 0 || allowsDebt ? remaining : available
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
