/**
 * A limit on calls in a sliding window, estimated from two adjacent windows: the current count, plus the previous one
 * times the share of its window still in range. Assumes evenly spread calls; at worst, twice the limit is admitted.
 */
import type { Kind } from "../../ports/guardStore.ts"
import { type Admission, admitted, rejected } from "./admission.ts"
import type { Input } from "./slidingLog.ts"

interface Counts {
  readonly startedAt: number
  readonly before: number
  readonly count: number
}

/** The tolerated rounding error of the sum. Without it, a call exactly at `retryAfterMillis` might be rejected. */
const tolerance = 1e-9

export const slidingCounter: Kind<Counts, Input, Admission> = {
  name: "slidingCounter",
  step(stored, now, { limit, windowMillis }) {
    const counts = currentOf(stored, now, windowMillis)
    const elapsed = now - counts.startedAt
    const sum = counts.before * (1 - elapsed / windowMillis) + counts.count
    if (sum + 1 > limit + tolerance) {
      return {
        state: counts,
        expiresAt: counts.startedAt + 2 * windowMillis,
        answer: rejected(Math.max(1, Math.ceil(waitOf(counts, limit, windowMillis) - elapsed)))
      }
    }
    const state = { ...counts, count: counts.count + 1 }
    return {
      state,
      expiresAt: counts.startedAt + 2 * windowMillis,
      answer: admitted(Math.max(0, Math.floor(limit - sum - 1)))
    }
  }
}

const currentOf = (stored: Counts | undefined, now: number, windowMillis: number): Counts => {
  if (stored === undefined || now >= stored.startedAt + 2 * windowMillis) return { startedAt: now, before: 0, count: 0 }
  const { before, count, startedAt } = stored
  // If the clock was set back, the current window begins again and keeps its counts.
  if (now < startedAt) return { startedAt: now, before, count }
  return now < startedAt + windowMillis ? stored : { startedAt: startedAt + windowMillis, before: count, count: 0 }
}

/** The time at which one more call fits, in milliseconds after the beginning of the window. */
const waitOf = ({ before, count }: Counts, limit: number, windowMillis: number): number =>
  count + 1 <= limit
    ? windowMillis * (1 - (limit - 1 - count) / before)
    : windowMillis * (2 - (limit - 1) / count)
