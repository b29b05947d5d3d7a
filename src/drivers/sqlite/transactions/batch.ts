/**
 * Operations that come at once are one transaction: to begin and to commit one takes longer than a small operation does.
 * Each of them succeeds or fails by itself.
 */
import * as Result from "effect/Result"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { StoreError } from "../../../CacheError.ts"
import { isBusy } from "../fault.ts"
import { partly } from "../file/schema.ts"

/** Runs several steps as one. */
type Atomic = <A>(steps: () => A) => A

/** What an operation has answered, or thrown. */
type Ended = Result.Result<unknown, unknown>

interface Together {
  /** A transaction of its own, or a part of that of all operations that run together. */
  readonly atomic: Atomic
  /**
   * Answers what is found, and asks for no lock then; otherwise runs the steps. In one transaction, as long as nobody else
   * writes: to begin and to end one takes longer than to look. `isSame` tells the steps whether it is the one of the look.
   */
  readonly orAtomic: <A>(look: () => A | undefined, steps: (isSame: boolean) => A) => A
  /** Throws if the database failed: then none of the operations has changed anything. */
  readonly all: (operations: ReadonlyArray<() => unknown>) => ReadonlyArray<Ended>
}

/** `admitted` runs what takes the lock of the database, or throws instead. */
export const make = (database: DatabaseSync, admitted: Atomic): Together => {
  const begins = { reading: database.prepare("BEGIN"), writing: database.prepare("BEGIN IMMEDIATE") }
  const commit = database.prepare("COMMIT")
  let isTogether = false
  /** what began the transaction of all, or was refused it */
  let begun: Result.Result<void, unknown> | undefined

  // Not before an operation writes: those that only read wait for no writer of another process.
  const begin = () => {
    begun ??= tried(() => admitted(() => database.exec("BEGIN IMMEDIATE")))
    Result.getOrThrowWith(begun, (thrown) => thrown)
  }

  /** As `atomically`, with statements that are prepared once. */
  const whole = <A>(begin: StatementSync, steps: () => A): A => {
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

  const atomic: Atomic = (steps) => {
    if (isTogether) {
      begin()
      return partly(database, steps)
    }
    // within another one it is a part of that
    return database.isTransaction ? steps() : admitted(() => whole(begins.writing, steps))
  }

  return {
    atomic,
    orAtomic(look, steps) {
      const afterwards = () => atomic(() => steps(false))
      if (isTogether || database.isTransaction) return look() ?? afterwards()
      let hasLooked = false
      try {
        return whole(begins.reading, () => {
          const found = look()
          hasLooked = true
          return found ?? admitted(() => steps(true))
        })
      } catch (thrown) {
        // Others write, or have written since the look, or the log is to be emptied: all that is for those who have not read.
        if (hasLooked && isBusy(thrown)) return afterwards()
        throw thrown
      }
    },
    all(operations) {
      isTogether = true
      begun = undefined
      try {
        const ended = operations.map((operation) => tried(operation))
        if (database.isTransaction) database.exec("COMMIT")
        return ended
      } catch (thrown) {
        if (database.isTransaction) database.exec("ROLLBACK")
        throw thrown
      } finally {
        isTogether = false
      }
    }
  }
}

/** What says nothing about the database is the failure of this operation alone. */
const tried = <A>(operation: () => A): Result.Result<A, unknown> => {
  try {
    return Result.succeed(operation())
  } catch (thrown) {
    if (thrown instanceof StoreError || isBusy(thrown)) return Result.fail(thrown)
    throw thrown
  }
}
