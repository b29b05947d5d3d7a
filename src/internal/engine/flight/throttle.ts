/** Ids whose load failed a moment ago: a failing source is not asked on every read. */
import { toMillis } from "../../../Ttl.ts"
import { throttledIds } from "../../defaults.ts"
import type { Flights } from "./flights.ts"
import type { Request } from "./request.ts"

/** No other try before then. What is not read again is never looked at again: the table is bounded. */
export const holdOff = (self: Flights, id: string, until: number): void => {
  self.retryAt.set(id, until)
  for (const oldest of self.retryAt.keys()) {
    if (self.retryAt.size <= throttledIds) break
    self.retryAt.delete(oldest)
  }
}

/** A load failed a moment ago: what is stale is served for a while without another try. */
export const isThrottled = (self: Flights, request: Request, id: string, now: number): boolean => {
  const retryAt = self.retryAt.get(id)
  if (retryAt === undefined) return false
  if (now >= retryAt) {
    self.retryAt.delete(id)
    return false
  }
  // who does not want to wait does not end the waiting of the others
  const input = request.options.retryAfter ?? request.strategy.retryAfter
  return input === undefined || toMillis(input, "retryAfter") > 0
}
