/** How often a step is tried again while another process writes. */
import * as Schedule from "effect/Schedule"
import { busy } from "../../internal/defaults.ts"

/** Not at once: two looks in a row at a database that is locked would block the process for twice as long. */
export const firstMillis = busy.firstMillis

/** The pauses between further attempts, for this long at most. */
export const again = (millis: number): Schedule.Schedule<unknown> =>
  Schedule.exponential(firstMillis).pipe(
    (backoff) => Schedule.min([backoff, Schedule.spaced(busy.longestMillis)]),
    Schedule.jittered,
    Schedule.upTo({ duration: millis })
  )
