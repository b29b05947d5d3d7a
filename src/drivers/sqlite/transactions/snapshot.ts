/**
 * Reads that follow one another in one step of the program are one transaction: to begin and to end one takes SQLite
 * longer than to find a small entry. The program cannot distinguish it: within one step it cannot learn of changes by
 * other processes, and its own end the snapshot. It is short, because it prevents others from emptying the log.
 * Programs whose steps run for long after their reads have none.
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
  /** Reads of this step have followed one another. */
  hasSeries: boolean
  beganAt: number
  readAt: number
  /** The operation of this thread after which it began. */
  bornIn: number
  isTrusted: boolean
  mistrustedUntil: number
}

/**
 * Counts the operations of all connections of this thread: others here have a snapshot from before. Those of locks and
 * guards count too, because processes tell one another by them what they have done.
 */
let operations = 0

export const countOperation = (): void => void operations++

/** A promise, because test frameworks put their own in the place of `queueMicrotask`, and run it when they like. */
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

/** Before each read. */
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

/** Before anything else is asked of the database, or by another connection. */
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

/** Nothing ends a snapshot during a computation, so the program's steps must have proved to be short before. */
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
    // It was closed meanwhile.
  }
  if (self.hasSeries) judge(self, self.clock(), "endOfStep")
  self.hasSeries = false
}
