/** Ids whose load failed within `retryAfter`: a stale value of them is served without another load. */
import { throttledIds } from "../../defaults.ts"
import type { Flights } from "./flights.ts"
import type { Request } from "./request.ts"
import { rulesOf } from "./rules.ts"

/** Throttles an id until a time. An id that is not read again would stay for ever, so the table is bounded. */
export const holdOff = (self: Flights, id: string, until: number): void => {
  self.retryAt.set(id, until)
  for (const oldest of self.retryAt.keys()) {
    if (self.retryAt.size <= throttledIds) break
    self.retryAt.delete(oldest)
  }
}

/** Whether a load failed within `retryAfter`: then a stale value is served without another load. */
export const isThrottled = (self: Flights, request: Request, id: string, now: number): boolean => {
  const retryAt = self.retryAt.get(id)
  if (retryAt === undefined) return false
  if (now >= retryAt) {
    self.retryAt.delete(id)
    return false
  }
  // a read with `retryAfter: 0` loads; the pause stays for the other reads
  return rulesOf(request).retryAfterMillis > 0
}
