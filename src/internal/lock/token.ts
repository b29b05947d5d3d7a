/** Fencing tokens. */
import type * as Clock from "effect/Clock"

/**
 * A fencing token larger than the last one, and at least the microseconds since 1970. So tokens grow even where the
 * last one was lost, with the process or with a deleted file, and a resource that remembers it accepts the next.
 */
export const nextToken = (last: bigint, clock: Clock.Clock): bigint => {
  const micros = clock.currentTimeNanosUnsafe() / 1000n
  return micros > last ? micros : last + 1n
}
