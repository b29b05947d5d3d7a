/**
 * Reads that follow one another in one step of the program are one transaction: to begin and to end one takes SQLite longer
 * than to find a small entry.
 *
 * Nobody can tell it from reads that are transactions of their own: within one step the program hears nothing of what other
 * processes have done, and what this one does ends the snapshot. It is not kept for long, because it keeps others from
 * emptying the log, and a step may take long.
 */
import type { DatabaseSync } from "node:sqlite"
import { snapshot as limits } from "../../internal/defaults.ts"

export interface Snapshot {
  /** There is a read now. */
  readonly reads: () => void
  /** Something else is asked of the database, or by another connection. */
  readonly end: () => void
}

/** Moves with every operation of a connection of this thread: others here have a snapshot from before it. */
let operations = 0

export const countOperation = (): void => void operations++

/** `clock` tells milliseconds that only grow. */
export const make = (database: DatabaseSync, clock: () => number): Snapshot => {
  const begin = database.prepare("BEGIN")
  const commit = database.prepare("COMMIT")
  let isOpen = false
  let isScheduled = false
  let beganAt = 0
  let readAt = -Infinity
  let bornIn = 0

  const end = () => {
    if (!isOpen) return
    isOpen = false
    try {
      commit.run()
    } catch (thrown) {
      if (database.isTransaction) database.exec("ROLLBACK")
      throw thrown
    }
  }

  const endOfStep = () => {
    isScheduled = false
    try {
      end()
    } catch {
      // it was closed meanwhile
    }
  }

  return {
    end,
    reads() {
      const now = clock()
      const isNext = now - readAt < limits.betweenMillis
      readAt = now
      if (isOpen) {
        if (now - beganAt < limits.longestMillis && bornIn === operations) return
        end()
      } else if (!isNext) return
      begin.run()
      isOpen = true
      beganAt = now
      bornIn = operations
      if (isScheduled) return
      isScheduled = true
      queueMicrotask(endOfStep)
    }
  }
}
