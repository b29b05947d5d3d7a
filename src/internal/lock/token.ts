/** Fencing tokens: each larger than the last, across restarts too. */
import type * as Clock from "effect/Clock"

/**
 * A fencing token larger than the last. It is not below the microseconds since 1970, so what remembers the last one goes
 * on taking them where the count itself was lost: with the process, or with a file that somebody deleted.
 */
export const nextToken = (last: bigint, clock: Clock.Clock): bigint => {
  const micros = clock.currentTimeNanosUnsafe() / 1000n
  return micros > last ? micros : last + 1n
}
