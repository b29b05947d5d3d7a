/**
 * Who may ask SQLite for its lock. SQLite waits for it some milliseconds, in which the process stands still. So after it
 * was refused nobody of this process asks before a pause is over, and then one asks for all: the pauses double.
 */
import { busy } from "../../internal/defaults.ts"

export interface Gate {
  /** Runs what asks for the lock. While the gate is closed it throws at once what SQLite would have thrown. */
  readonly pass: <A>(steps: () => A) => A
  /** SQLite refused the lock, or the gate is closed. */
  readonly refused: (thrown: unknown) => void
  /** How long the gate stays closed, in milliseconds. */
  readonly leftMillis: () => number
  /** Since when nobody got the lock, in milliseconds. */
  readonly closedMillis: () => number
}

/** `now` is of a monotonic clock. */
export const make = (now: () => number): Gate => {
  const closed = Object.assign(new Error("database is locked"), { errcode: 5 })
  let opensAt = -Infinity
  let pauseMillis = 0
  let since: number | undefined

  const leftMillis = () => Math.max(0, opensAt - now())

  return {
    pass(steps) {
      if (leftMillis() > 0) throw closed
      const result = steps()
      pauseMillis = 0
      since = undefined
      return result
    },
    refused(thrown) {
      if (thrown === closed) return
      // nobody has asked for a while
      if (now() > opensAt + 2 * busy.longestMillis) since = undefined
      if (since === undefined) pauseMillis = 0
      pauseMillis = pauseMillis === 0 ? busy.firstMillis : Math.min(busy.longestMillis, pauseMillis * 2)
      opensAt = now() + pauseMillis
      since ??= now()
    },
    leftMillis,
    closedMillis: () => since === undefined ? 0 : now() - since
  }
}
