/** Sends the statements of a store over a program's SQL client, outside of the transactions of the program. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { BeginTransaction, type SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { isClosed, isMissing, isRepeatable, refusal, storeError } from "./fault.ts"

export type Row = ReadonlyArray<unknown>

export type Params = ReadonlyArray<unknown>

/** A session on PostgreSQL, or a database of SQLite. */
export interface Sender {
  readonly sql: SqlClient
  /** Makes what is missing in the schema: somebody has removed it. */
  readonly repair?: Effect.Effect<void, StoreError>
}

const send = ({ sql }: Sender, statement: string, params: Params): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
  sql.unsafe(statement, params).values

/** Runs an effect as if the program had opened no transaction: the cache's own writes must not wait for it. */
const outside = <A, E, R>(self: Sender, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(
    effect,
    (context: Context.Context<R>) =>
      Context.omit(self.sql.transactionService)(context as Context.Context<any>) as Context.Context<R>
  )

const repeated = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.retry(effect, { times: Defaults.repeats, while: (error) => isSqlError(error) && isRepeatable(error) })

export const inTime = <A, E>(operation: string, effect: Effect.Effect<A, E>): Effect.Effect<A, StoreError> =>
  Effect.mapError(
    Effect.timeoutOrElse(effect, {
      duration: Defaults.statementMillis,
      orElse: () => Effect.fail(new StoreError({ store: "sql", operation, reason: "Timeout" }))
    }),
    (error) => error instanceof StoreError ? error : storeError(operation, error)
  )

export type Inside = (statement: string, params: Params) => Effect.Effect<ReadonlyArray<Row>, SqlError>

/** Runs statements outside of a transaction, and repeats them if the server has undone one. */
export const single = <A, E>(
  self: Sender,
  operation: string,
  steps: (ask: Inside) => Effect.Effect<A, E>
): Effect.Effect<A, StoreError> =>
  inTime(operation, outside(self, repeated(steps((statement, params) => send(self, statement, params)))))

/** Runs a step once more if something was missing in the schema. */
const repaired = <A>({ repair }: Sender, step: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
  repair === undefined ? step : Effect.catchIf(step, isMissing, () => Effect.andThen(repair, step))

/** Sends one statement, which is one atomic step. */
export const ask = (
  self: Sender,
  operation: string,
  statement: string,
  params: Params
): Effect.Effect<ReadonlyArray<Row>, StoreError> =>
  repaired(self, single(self, operation, (ask) => ask(statement, params)))

/** Begins transactions of the store's own, whatever the program or the database has set for those of the program. */
const asOwn = Effect.provideService(BeginTransaction, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")

interface Caused {
  readonly cause?: unknown
}

/** If a connection is lost in the middle of a transaction, the client turns the failure into a defect. */
const typed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchDefect(effect, (defect) => {
    const isFailure = defect instanceof StoreError || isSqlError(defect) || isSqlError((defect as Caused | null)?.cause)
    return isFailure ? Effect.fail(defect as E) : Effect.die(defect)
  })

/**
 * A client waits for the answers to `BEGIN`, `COMMIT` and `ROLLBACK`, even if none comes. A caller that is interrupted
 * or whose time is over waits for `endMillis` at most. The transaction continues, and may still be committed.
 */
const leftAlone = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(effect, { startImmediately: true }),
      (fiber) =>
        Effect.onInterrupt(
          restore(Fiber.join(fiber)),
          () => Effect.timeoutOption(Fiber.interrupt(fiber), Defaults.endMillis)
        )
    )
  )

/** Runs several statements in one transaction of the store's own. */
export const transaction = <A>(
  self: Sender,
  operation: string,
  steps: (ask: Inside) => Effect.Effect<A, unknown>
): Effect.Effect<A, StoreError> => {
  const run = self.sql.withTransaction(steps((statement, params) => send(self, statement, params)))
  const ran = inTime(operation, leftAlone(outside(self, repeated(typed(asOwn(run))))))
  return Effect.catchIf(
    ran,
    isClosed,
    (error) =>
      Effect.matchEffect(single(self, operation, (ask) => ask("SELECT 1", [])), {
        onFailure: () => Effect.fail(error),
        onSuccess: () =>
          refusal(
            operation,
            "Unavailable",
            "a connection was closed in a transaction, and the next one answers. Probably a pooler lends connections for " +
              "one statement only (pool_mode = statement of PgBouncer): set its mode to transaction, or connect to the server"
          )
      })
  )
}

/** The same, once more if something was missing in the schema. */
export const atomically = <A>(
  self: Sender,
  operation: string,
  steps: (ask: Inside) => Effect.Effect<A, SqlError | StoreError>
): Effect.Effect<A, StoreError> => repaired(self, transaction(self, operation, steps))

export const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
