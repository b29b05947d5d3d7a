/** Runs operations as one transaction, whose begin and commit take longer than they do. Each can fail by itself. */
import * as Result from "effect/Result"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { StoreError } from "../../../CacheError.ts"
import { isBusy } from "../fault.ts"
import { partly } from "../file/schema.ts"

export type Batch = ReturnType<typeof make>

export const make = (database: DatabaseSync, admitted: <A>(steps: () => A) => A) => ({
  database,
  admitted,
  beginReading: database.prepare("BEGIN"),
  beginWriting: database.prepare("BEGIN IMMEDIATE"),
  commit: database.prepare("COMMIT"),
  isTogether: false,
  /** The answer of the `BEGIN` of those that run together, if one of them has written. */
  begun: undefined as Result.Result<void, unknown> | undefined
})

/** Runs several steps as one: a transaction of its own, or a part of that of all operations that run together. */
export const atomic = <A>(self: Batch, steps: () => A): A => {
  const { admitted, database } = self
  if (self.isTogether) {
    beginTogether(self)
    return partly(database, steps)
  }
  return database.isTransaction ? steps() : admitted(() => transaction(self, self.beginWriting, steps))
}

/**
 * Asks for no lock if the look answers, and otherwise runs the steps in the same transaction if no other process
 * writes: to begin and to end one takes longer than to look. `isSame` tells the steps whether it is the same one.
 */
export const orAtomic = <A>(self: Batch, look: () => A | undefined, steps: (isSame: boolean) => A): A => {
  const afterwards = () => atomic(self, () => steps(false))
  if (self.isTogether || self.database.isTransaction) return look() ?? afterwards()
  let hasLooked = false
  try {
    return transaction(self, self.beginReading, () => {
      const found = look()
      hasLooked = true
      return found ?? self.admitted(() => steps(true))
    })
  } catch (thrown) {
    // Others write, or the log is to be emptied: a transaction that has read cannot wait.
    if (hasLooked && isBusy(thrown)) return afterwards()
    throw thrown
  }
}

/** Runs reads as one: they see all of what another process has committed, or nothing of it. */
export const snapshot = <A>(self: Batch, reads: () => A): A =>
  self.database.isTransaction ? reads() : transaction(self, self.beginReading, reads)

/** Answers what each has answered or thrown. Throws if the database failed: then none has changed anything. */
export const together = (
  self: Batch,
  operations: ReadonlyArray<() => unknown>
): ReadonlyArray<Result.Result<unknown, unknown>> => {
  const { database } = self
  self.isTogether = true
  self.begun = undefined
  try {
    const ended = operations.map((operation) => tried(operation))
    if (database.isTransaction) database.exec("COMMIT")
    return ended
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK")
    throw thrown
  } finally {
    self.isTogether = false
  }
}

/** Not before one of them writes: those that only read wait for no writer of another process. */
const beginTogether = (self: Batch): void => {
  self.begun ??= tried(() => self.admitted(() => self.database.exec("BEGIN IMMEDIATE")))
  Result.getOrThrowWith(self.begun, (thrown) => thrown)
}

/** As `atomically`, with statements that are prepared once. */
const transaction = <A>({ commit, database }: Batch, begin: StatementSync, steps: () => A): A => {
  begin.run()
  try {
    const result = steps()
    commit.run()
    return result
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK")
    throw thrown
  }
}

/** An error that says nothing about the database is the failure of this operation alone. */
const tried = <A>(operation: () => A): Result.Result<A, unknown> => {
  try {
    return Result.succeed(operation())
  } catch (thrown) {
    if (thrown instanceof StoreError || isBusy(thrown)) return Result.fail(thrown)
    throw thrown
  }
}
