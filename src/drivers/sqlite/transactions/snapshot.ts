/**
 * Runs consecutive reads in one transaction (a snapshot), because `BEGIN` and `COMMIT` take longer than finding a small
 * entry. A snapshot ends no later than the current step, which ends at the next microtask. The program sees no
 * difference: within a step, it cannot learn of changes by other processes, and its own changes end the snapshot. A
 * snapshot keeps other processes from emptying the log, so a program gets none if its steps continue long after a read.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { snapshot as limits } from "../../../internal/defaults/folders.ts"

export interface Snapshot {
  readonly database: DatabaseSync
  readonly clock: () => number
  readonly begin: StatementSync
  readonly commit: StatementSync
  readonly endOfStep: () => void
  isOpen: boolean
  hasRead: boolean
  /** Whether several reads of this step have followed one another quickly. */
  hasSeries: boolean
  beganAt: number
  readAt: number
  /** The value of the counter `operations` when the snapshot began. */
  bornIn: number
  isTrusted: boolean
  mistrustedUntil: number
}

/**
 * Counts the operations of all connections in this thread. Each operation makes older snapshots outdated. Operations of
 * locks and guards also count, because a program may learn of other processes' changes through them.
 */
let operations = 0

export const countOperation = (): void => void operations++

/** A resolved promise for scheduling microtasks. Test frameworks may replace `queueMicrotask`, but not promises. */
const now = Promise.resolve()

export const make = (database: DatabaseSync, clock: () => number): Snapshot => {
  const self: Snapshot = {
    database,
    clock,
    begin: database.prepare("BEGIN"),
    commit: database.prepare("COMMIT"),
    endOfStep: () => endStep(self),
    isOpen: false,
    hasRead: false,
    hasSeries: false,
    beganAt: 0,
    readAt: 0,
    bornIn: 0,
    isTrusted: false,
    mistrustedUntil: -Infinity
  }
  return self
}

/** Must be called before each read. Ends an outdated snapshot, and begins one if reads follow each other quickly. */
export const reads = (self: Snapshot): void => {
  const at = self.clock()
  if (!self.hasRead) {
    self.hasRead = true
    self.readAt = at
    void now.then(self.endOfStep)
    return
  }
  if (self.hasSeries) judge(self, at, "read")
  const isNext = at - self.readAt < limits.betweenMillis
  self.hasSeries ||= isNext
  self.readAt = at
  if (self.isOpen) {
    if (at - self.beganAt < limits.longestMillis && self.bornIn === operations) return
    end(self)
  } else if (!isNext) return
  if (!self.isTrusted) return
  self.begin.run()
  self.isOpen = true
  self.beganAt = at
  self.bornIn = operations
}

/** Ends the snapshot. Must be called before any operation that is not a single read. */
export const end = (self: Snapshot): void => {
  if (!self.isOpen) return
  self.isOpen = false
  try {
    self.commit.run()
  } catch (thrown) {
    if (self.database.isTransaction) self.database.exec("ROLLBACK")
    throw thrown
  }
}

/** Decides whether the program may use snapshots: its steps must be short, because a snapshot may last a whole step. */
const judge = (self: Snapshot, at: number, by: "read" | "endOfStep"): void => {
  const idleMillis = at - self.readAt
  if (idleMillis > limits.idleMillis) {
    self.isTrusted = false
    self.mistrustedUntil = Math.max(self.mistrustedUntil, at + limits.mistrust * idleMillis)
  } else if (by === "endOfStep" && at >= self.mistrustedUntil) {
    self.isTrusted = true
  }
}

const endStep = (self: Snapshot): void => {
  self.hasRead = false
  try {
    end(self)
  } catch {
    // The database was closed after the step's last read.
  }
  if (self.hasSeries) judge(self, self.clock(), "endOfStep")
  self.hasSeries = false
}
