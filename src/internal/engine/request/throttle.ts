/** Pauses after failed loads: for `retryAfter`, reads of the id are served the stale value without another load. */
import { throttledIds } from "../../defaults/bounds.ts"
import type { Entry } from "../memory/entry.ts"
import type { Flights, Request } from "../state.ts"
import { isAnswered } from "./answers.ts"
import { rulesOf } from "./rules.ts"

/**
 * Pauses the loads for an id. A shorter pause does not end a longer one: an overlapping load may fail later, with a
 * smaller `retryAfter`. The table is bounded, because ids that are never read again stay in it.
 */
export const holdOff = (self: Pick<Flights, "retryAt">, id: string, now: number, millis: number): void => {
  if (millis > leftOf(self.retryAt.get(id), now)) self.retryAt.set(id, { until: now + millis, millis })
  for (const oldest of self.retryAt.keys()) {
    if (self.retryAt.size <= throttledIds) break
    self.retryAt.delete(oldest)
  }
}

/** The milliseconds that are left of a pause. If more than the whole pause is left, the clock was set back. */
const leftOf = (pause: { readonly until: number; readonly millis: number } | undefined, now: number): number =>
  pause === undefined || pause.until <= now || pause.until - now > pause.millis ? 0 : pause.until - now

export const isThrottled = (
  self: Pick<Flights, "retryAt" | "readDefaults">,
  request: Request,
  id: string,
  now: number
): boolean =>
  // A read with `retryAfter: 0` loads immediately. The pause still holds for other reads.
  leftOf(self.retryAt.get(id), now) > 0 && rulesOf(self, request).retryAfterMillis > 0

/** Whether a stale entry replaces a load: the last load failed less than `retryAfter` ago, and not with an answer. */
export const standsIn = (
  self: Pick<Flights, "retryAt" | "answered" | "readDefaults">,
  request: Request,
  entry: Entry,
  now: number
): boolean => isThrottled(self, request, entry.id, now) && !isAnswered(self, entry)
