/** Runs operations in one transaction, because `BEGIN` and `COMMIT` take longer than an operation. */
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
  /** The result of the shared transaction's `BEGIN`. `undefined` until one of the operations writes. */
  begun: undefined as Result.Result<void, unknown> | undefined
})

/** Runs steps atomically, in a transaction of their own or in a savepoint of the transaction that operations share. */
export const atomic = <A>(self: Batch, steps: () => A): A => {
  const { admitted, database } = self
  if (self.isTogether) {
    beginTogether(self)
    return partly(database, steps)
  }
  return database.isTransaction ? steps() : admitted(() => transaction(self, self.beginWriting, steps))
}

/**
 * Takes no write lock if `look` returns a result. Otherwise runs `steps`, if possible in the transaction of `look`, to
 * save a second `BEGIN` and `COMMIT`. In that transaction, `isSame` is `true`: nothing has changed since `look`.
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
    // Another process writes, or the log must be emptied. A transaction that has read cannot wait, so a new one begins.
    if (hasLooked && isBusy(thrown)) return afterwards()
    throw thrown
  }
}

/** Runs reads in one transaction. They see either all changes of another process's transaction or none. */
export const snapshot = <A>(self: Batch, reads: () => A): A =>
  self.database.isTransaction ? reads() : transaction(self, self.beginReading, reads)

/** Returns the result or error of each operation. If the database fails, undoes all operations and throws. */
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

/** Begins the shared transaction at the first write, so that reads alone do not wait for another process's write. */
const beginTogether = (self: Batch): void => {
  self.begun ??= tried(() => self.admitted(() => self.database.exec("BEGIN IMMEDIATE")))
  Result.getOrThrowWith(self.begun, (thrown) => thrown)
}

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

/** Returns an error of this operation alone as a failure. Throws an error that concerns the whole database. */
const tried = <A>(operation: () => A): Result.Result<A, unknown> => {
  try {
    return Result.succeed(operation())
  } catch (thrown) {
    if (thrown instanceof StoreError || isBusy(thrown)) return Result.fail(thrown)
    throw thrown
  }
}
