/** A limit on the calls in every window of a given length. Keeps the time of each admitted call in the window. */
import type { Kind } from "../../ports/guardStore.ts"
import { type Admission, admitted, rejected } from "./admission.ts"

export interface Input {
  readonly limit: number
  readonly windowMillis: number
}

type Log = ReadonlyArray<number>

export const slidingLog: Kind<Log, Input, Admission> = {
  name: "slidingLog",
  step(before, now, { limit, windowMillis }) {
    const log = before === undefined ? [] : within(before, now, windowMillis)
    if (log.length >= limit) {
      // If the limit was lowered, more than one call must leave the window first.
      const leaves = log[log.length - limit]! + windowMillis
      return { state: log, expiresAt: log.at(-1)! + windowMillis, answer: rejected(leaves - now) }
    }
    log.push(now)
    return { state: log, expiresAt: now + windowMillis, answer: admitted(limit - log.length) }
  }
}

const within = (log: Log, now: number, windowMillis: number): Array<number> => {
  let first = 0
  while (first < log.length && log[first]! <= now - windowMillis) first++
  const kept = log.slice(first)
  // If the clock was set back, calls that are now in the future count as made now.
  for (let i = kept.length - 1; i >= 0 && kept[i]! > now; i--) kept[i] = now
  return kept
}
