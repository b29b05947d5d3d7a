/** Pauses after failed loads: for `retryAfter`, reads of the id are served the stale value without another load. */
import { throttledIds } from "../../defaults/bounds.ts"
import type { Entry } from "../memory/entry.ts"
import type { Flights, Request } from "../state.ts"
import { isAnswered } from "./answers.ts"
import { rulesOf } from "./rules.ts"

/** Pauses the loads for an id. The table is bounded, because ids that are never read again stay in it. */
export const holdOff = (self: Pick<Flights, "retryAt">, id: string, now: number, millis: number): void => {
  if (millis > 0) self.retryAt.set(id, { until: now + millis, millis })
  for (const oldest of self.retryAt.keys()) {
    if (self.retryAt.size <= throttledIds) break
    self.retryAt.delete(oldest)
  }
}

export const isThrottled = (
  self: Pick<Flights, "retryAt" | "readDefaults">,
  request: Request,
  id: string,
  now: number
): boolean => {
  const retryAt = self.retryAt.get(id)
  if (retryAt === undefined) return false
  const leftMillis = retryAt.until - now
  // If more than the whole pause is left, the clock was set back.
  if (leftMillis <= 0 || leftMillis > retryAt.millis) {
    self.retryAt.delete(id)
    return false
  }
  // A read with `retryAfter: 0` loads immediately. The pause still holds for other reads.
  return rulesOf(self, request).retryAfterMillis > 0
}

/** Whether a stale entry replaces a load: the last load failed less than `retryAfter` ago, and not with an answer. */
export const standsIn = (
  self: Pick<Flights, "retryAt" | "answered" | "readDefaults">,
  request: Request,
  entry: Entry,
  now: number
): boolean => isThrottled(self, request, entry.id, now) && !isAnswered(self, entry)
