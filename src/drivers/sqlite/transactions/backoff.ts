/**
 * Who may ask for what was refused. SQLite waits some milliseconds for its lock, in which the process stands still. So after
 * it was refused nobody of this process asks before a pause is over, and then one asks for all: the pauses double.
 */
import * as Effect from "effect/Effect"
import { busy } from "../../../internal/defaults/folders.ts"

export interface Gate {
  /** Runs what asks. While the gate is closed it throws at once what was thrown last. */
  readonly pass: <A>(steps: () => A) => A
  /** What was refused until now is no longer: there is another database. */
  readonly open: () => void
  /** What was thrown because something was refused, or because the gate is closed. */
  readonly refused: (thrown: unknown) => void
  /** Whether this was thrown before, and again because the gate is closed. */
  readonly isKnown: (thrown: unknown) => boolean
  /** How long the gate stays closed, in milliseconds. */
  readonly leftMillis: () => number
  /** Ends when somebody has passed. */
  readonly passed: Effect.Effect<void>
  /** How long nobody has passed, in milliseconds. */
  readonly closedMillis: () => number
  /** How long nobody could pass up to now, in all. */
  readonly waitedMillis: () => number
}

/** `now` is of a monotonic clock. */
export const make = (now: () => number): Gate => {
  const waiting = new Set<() => void>()
  let last: unknown
  let opensAt = -Infinity
  let pauseMillis = 0
  let since: number | undefined
  let waited = 0

  const ends = (at: number) => {
    if (since !== undefined) waited += at - since
    since = undefined
  }

  // The clock is asked only where somebody was refused: a small write passes several times.
  const leftMillis = () => opensAt === -Infinity ? 0 : Math.max(0, opensAt - now())

  const isKnown = (thrown: unknown) => last !== undefined && thrown === last

  const wakeAll = () => {
    if (waiting.size === 0) return
    const all = Array.from(waiting)
    waiting.clear()
    for (const wake of all) wake()
  }

  const open = () => {
    if (since !== undefined) ends(now())
    opensAt = -Infinity
    pauseMillis = 0
    last = undefined
    wakeAll()
  }

  return {
    isKnown,
    open,
    passed: Effect.callback((resume) => {
      // not within the step of the one who has passed: each would wake the next within its own
      const wake = () => resume(Effect.yieldNow)
      waiting.add(wake)
      return Effect.sync(() => waiting.delete(wake))
    }),
    pass(steps) {
      if (leftMillis() > 0) throw last
      const result = steps()
      open()
      return result
    },
    refused(thrown) {
      if (isKnown(thrown)) return
      last = thrown
      // nobody has asked for a while
      if (now() > opensAt + 2 * busy.longestMillis) ends(opensAt)
      if (since === undefined) pauseMillis = 0
      pauseMillis = pauseMillis === 0 ? busy.firstMillis : Math.min(busy.longestMillis, pauseMillis * 2)
      opensAt = now() + pauseMillis
      since ??= now()
    },
    leftMillis,
    closedMillis: () => since === undefined ? 0 : now() - since,
    waitedMillis: () => waited + (since === undefined ? 0 : now() - since)
  }
}
