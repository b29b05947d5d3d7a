/**
 * Reads that follow one another in one step of the program are one transaction: to begin and to end one takes SQLite longer
 * than to find a small entry.
 *
 * Nobody can tell it from reads that are transactions of their own: within one step the program hears nothing of what other
 * processes have done, and what this one does ends the snapshot. It is not kept for long, because it keeps others from
 * emptying the log, and a step may take long: programs whose steps go on for long after their reads have none.
 */
import type { DatabaseSync } from "node:sqlite"
import { snapshot as limits } from "../../../internal/defaults/folders.ts"

export interface Snapshot {
  /** There is a read now. */
  readonly reads: () => void
  /** Something else is asked of the database, or by another connection. */
  readonly end: () => void
}

/**
 * Moves with every operation of a connection of this thread: others here have a snapshot from before it. Also with those of
 * locks and guards, by which processes tell one another what they have done.
 */
let operations = 0

export const countOperation = (): void => void operations++

/** A promise, because test frameworks put their own in the place of `queueMicrotask`, and run it when they like. */
const now = Promise.resolve()

/** `clock` tells milliseconds that only grow. */
export const make = (database: DatabaseSync, clock: () => number): Snapshot => {
  const begin = database.prepare("BEGIN")
  const commit = database.prepare("COMMIT")
  let isOpen = false
  /** this step has read */
  let hasRead = false
  /** reads of this step have followed one another */
  let hasSeries = false
  let beganAt = 0
  let readAt = 0
  let bornIn = 0
  /** the last step that showed it did not go on for long after its reads */
  let isTrusted = false
  let mistrustedUntil = -Infinity

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

  /**
   * Nothing ends a snapshot while the program computes, so it is shown first that it does not do that for long. `at` is the
   * next read, or the end of the step.
   */
  const look = (at: number, isEnd: boolean) => {
    const idleMillis = at - readAt
    if (idleMillis > limits.idleMillis) {
      isTrusted = false
      mistrustedUntil = Math.max(mistrustedUntil, at + limits.mistrust * idleMillis)
    } else if (isEnd && at >= mistrustedUntil) {
      isTrusted = true
    }
  }

  const endOfStep = () => {
    hasRead = false
    try {
      end()
    } catch {
      // it was closed meanwhile
    }
    if (hasSeries) look(clock(), true)
    hasSeries = false
  }

  return {
    end,
    reads() {
      const at = clock()
      if (!hasRead) {
        hasRead = true
        readAt = at
        void now.then(endOfStep)
        return
      }
      if (hasSeries) look(at, false)
      const isNext = at - readAt < limits.betweenMillis
      hasSeries ||= isNext
      readAt = at
      if (isOpen) {
        if (at - beganAt < limits.longestMillis && bornIn === operations) return
        end()
      } else if (!isNext) return
      if (!isTrusted) return
      begin.run()
      isOpen = true
      beganAt = at
      bornIn = operations
    }
  }
}
