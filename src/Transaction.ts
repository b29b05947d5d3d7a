/**
 * Transactions: changes to several entries, tags and counters that are committed together, or not at all.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { withCaching } from "./cached/withCaching.ts"
import {
  CacheConfigError,
  type LockError,
  type SerializerError,
  type StoreError,
  type TransactionConflict,
  type TransactionTimeout
} from "./CacheError.ts"
import { Caching } from "./Caching.ts"
import { outbox as numbers, transaction as defaults } from "./internal/defaults/bounds.ts"
import type { Cache } from "./internal/engine/boundCache.ts"
import * as Overlay from "./internal/engine/transaction/overlay.ts"
import * as Run from "./internal/engine/transaction/run.ts"
import * as Sql from "./internal/engine/transaction/sql.ts"
import { enter, isOverlay } from "./internal/engine/transaction/transactionCache.ts"
import { requireEffect } from "./internal/options/given.ts"
import { checkOptions, type Checks, optional, positiveMillis } from "./internal/options/options.ts"
import { Client } from "./internal/sql/sqlTransaction.ts"
import { Lock } from "./Lock.ts"
import type * as Ttl from "./Ttl.ts"

/** Whether the first argument is the effect, or a function or promise that was passed by mistake in its place. */
const isDataFirst = ([first]: IArguments): boolean =>
  Effect.isEffect(first) || typeof first === "function" || first instanceof Promise

/**
 * The isolation level of a transaction. At every level, the transaction's writes are committed in one atomic step.
 *
 * - `"fast"`: nothing is locked, and the commit checks only the conditions of `Cached.set`. The commit may overwrite
 *   values that other callers have written since the transaction read them
 * - `"locked"`: the keys and counters of explicit operations (`Cached.getOption`, `set`, `increment` …) are locked from
 *   their first use on, in all processes that share the `Lock`. The commit also checks what these operations read,
 *   because a `Cached.set` outside a transaction takes no lock. Results of cached effects are not checked
 * - `"serializable"`: nothing is locked. The commit checks all reads, including results of cached effects and listings
 *   (in memory and on disk; elsewhere a listing fails with a `StoreError` of reason `Unsupported`). The result is as if
 *   the transaction had run alone. If the effect fails and anything it read has changed, the transaction is retried
 * @category models
 * @since 0.1.0
 */
export type Isolation = Overlay.Isolation

/**
 * Options for `Transaction.run`.
 * @category options
 * @since 0.1.0
 */
interface Options<I extends Isolation = Isolation> {
  /**
   * The isolation level: `"fast"` (checks only the conditions of `Cached.set`), `"locked"` (locks the keys and counters
   * of explicit operations) or `"serializable"` (checks everything that was read). A nested transaction must not have a
   * stricter level than the outer one.
   * @default `"locked"`
   */
  readonly isolation?: I | undefined
  /** How long all attempts and lock waits may take together before a `TransactionTimeout`. @default 10 seconds */
  readonly timeout?: Ttl.Input | undefined
  /**
   * The schedule for retrying the whole transaction after a `TransactionConflict`. Ignored in a nested transaction.
   * @default 5 times, with exponential backoff from 10 ms and jitter
   */
  readonly retry?: Schedule.Schedule<unknown, TransactionConflict> | undefined
}

/**
 * The errors of a transaction, in addition to the errors of its effect.
 * @category models
 * @since 0.1.0
 */
export type Failure<I extends Isolation> =
  | TransactionConflict
  | TransactionTimeout
  | StoreError
  | SerializerError
  | ("locked" extends I ? LockError : never)

/**
 * Runs an effect as a transaction: the effect's writes to the cache become visible in one step when it succeeds, and
 * not at all if it fails, dies, is interrupted, or takes too long.
 *
 * **When to use**
 *
 * Use if several entries must change together. A change to one entry needs no transaction: use `Cached.update`.
 *
 * **Details**
 *
 * - Reads and listings inside the transaction see its earlier writes: `Cached.set`, conditional sets, `touch`,
 *   `remove`, `increment`, bulk operations, and invalidations by tag or pattern. A `ttl` counts from the commit.
 * - A cached effect inside the transaction returns a value that the transaction wrote, a cached value, or the result of
 *   its own load. The commit stores that result, unless its key was invalidated in the meantime.
 * - A nested transaction is a savepoint: if it fails, only its own writes are discarded, and the outer one continues.
 * - After a conflict the effect runs again from its beginning, so its side effects must be repeatable.
 * - More than 20,000 writes, or more than 32 MiB of values, fail the transaction with a `StoreError` (`TooLarge`).
 * - The store must be able to write several entries in one step: memory, `CacheLayer.disk`, a Redis server, or a custom
 *   storage that no other process uses. Any other store fails the transaction with a `StoreError` (`Unsupported`). In a
 *   Redis cluster, all keys must be in one slot. Otherwise the transaction fails at the commit, and writes nothing.
 *
 * **Gotchas**
 *
 * - An unacknowledged commit has an unknown outcome. The transaction fails with the `StoreError`, and the keys that it
 *   wrote are removed once the store answers: readers find the old value, the new value, or nothing.
 * - If a fiber that outlives the transaction uses the transaction's cache, the call dies with a `CacheConfigError`.
 *
 * **Example** (Moving an amount)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer, Transaction } from "effect-cached"
 *
 * const get = (key: string) => Effect.map(Cached.getOption(key), (value) => Option.getOrThrow(value) as number)
 * const move = (amount: number) =>
 *   Transaction.run(Effect.gen(function*() {
 *     const left = (yield* get("ada")) - amount
 *     yield* Cached.set("ada", left)
 *     if (left < 0) return yield* Effect.fail("too little")
 *     yield* Cached.set("grace", (yield* get("grace")) + amount)
 *   }))
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([["ada", 100], ["grace", 0]])
 *   yield* move(30)
 *   yield* Effect.flip(move(80))
 *   return yield* Effect.all([get("ada"), get("grace")])
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [70, 30]
 * ```
 *
 * @see {@link rollback} for discarding the writes so far and continuing
 * @see {@link withSql} for an SQL transaction
 * @see `Cached.update` for one entry
 * @category combinators
 * @since 0.1.0
 */
export const run: {
  <const I extends Isolation = "locked">(
    options: Options<I>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Failure<I>, R | Caching>
  <A, E, R, const I extends Isolation = "locked">(
    self: Effect.Effect<A, E, R>,
    options?: Options<I>
  ): Effect.Effect<A, E | Failure<I>, R | Caching>
} = dual(
  isDataFirst,
  <A, E, R>(self: Effect.Effect<A, E, R>, given: Options = {}): Effect.Effect<A, E | Run.Failure, R | Caching> => {
    requireEffect("Transaction.run", self)
    const { isolation, retry, timeoutMillis } = parse(given)
    return withCaching((outer): Effect.Effect<A, E | Run.Failure, R | Caching> => {
      const entered = outer.perform(enter)
      if (entered === undefined) return self
      const body = (cache: Cache) => Effect.provideService(self, Caching, outer.inside?.(cache) ?? cache)
      if (isOverlay(entered)) {
        if (!entered.root.bypasses) {
          return Run.nested(entered, { isolation, timeoutMillis: timeoutMillis ?? Infinity }, body)
        }
        throw new CacheConfigError({
          message:
            "Transaction.run cannot run inside Transaction.withSql, which is a transaction already: use one of them"
        })
      }
      return Effect.flatMap(Lock, (lock) =>
        Run.run({ outer, base: entered, lock }, {
          isolation: isolation ?? defaults.isolation,
          timeoutMillis: timeoutMillis ?? defaults.timeoutMillis,
          retry: retry ?? retries
        }, body))
    })
  }
)

const retries = Schedule.exponential(defaults.retries.firstMillis).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: defaults.retries.times })
)

const checks: Checks<Options> = {
  isolation: optional((isolation) => {
    if (isolation === "fast" || isolation === "locked" || isolation === "serializable") return
    throw new CacheConfigError({
      message: `isolation of Transaction.run cannot be "${String(isolation)}": pass "fast", "locked" or "serializable"`
    })
  }),
  timeout: optional((timeout) => void positiveMillis("timeout of Transaction.run", timeout)),
  retry: optional((retry) => {
    if (Schedule.isSchedule(retry)) return
    throw new CacheConfigError({
      message: "retry of Transaction.run must be a Schedule, like Schedule.recurs(3)"
    })
  })
}

const parse = (options: Options) => {
  checkOptions("Transaction.run", options, checks)
  const { isolation, retry, timeout } = options
  return {
    isolation,
    retry,
    timeoutMillis: timeout === undefined ? undefined : positiveMillis("timeout of Transaction.run", timeout)
  }
}

/**
 * Discards the writes that the innermost transaction has made so far, and continues the transaction. The commit still
 * checks the transaction's reads, and locks stay held. Dies with a `CacheConfigError` outside a transaction. Also
 * dies inside `Transaction.withSql`, where the changes to the database would remain: let the effect fail there instead.
 *
 * **When to use**
 *
 * Use to discard the writes of one step without failing the transaction.
 *
 * **Example** (Starting over)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Transaction } from "effect-cached"
 *
 * const program = Transaction.run(Effect.gen(function*() {
 *   yield* Cached.set("draft", 1)
 *   yield* Transaction.rollback
 *   yield* Cached.set("final", 2)
 * })).pipe(Effect.andThen(Effect.filter(["draft", "final"], Cached.has)))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["final"]
 * ```
 *
 * @see {@link run} for discarding all writes by failing
 * @category combinators
 * @since 0.1.0
 */
export const rollback: Effect.Effect<void, never, Caching> = withCaching((caching) => {
  const entered = caching.perform(enter)
  if (entered === undefined) return Effect.void
  if (!isOverlay(entered)) {
    throw new CacheConfigError({
      message: "Transaction.rollback runs outside a transaction: use it inside Transaction.run"
    })
  }
  if (entered.root.bypasses) {
    throw new CacheConfigError({
      message:
        "Transaction.rollback cannot run inside Transaction.withSql, where the rows would stay: let the effect fail"
    })
  }
  Overlay.requireOpen(entered)
  Overlay.rollback(entered)
  return Effect.void
})

/**
 * Options for `Transaction.withSql`.
 * @category options
 * @since 0.1.0
 */
interface SqlOptions {
  /**
   * The table that records invalidations until they are carried out, so that they survive a crash after the commit.
   * @default none: after a crash, old values may stay cached until their `ttl`
   */
  readonly outbox?: string | undefined
}

/**
 * Runs an effect in an SQL transaction. After the commit, invalidates the cache entries that the effect changed.
 *
 * **When to use**
 *
 * Use if a program changes its database and a cache of the same data: a rollback leaves both unchanged.
 *
 * **Details**
 *
 * - Opens the transaction with `SqlClient.withTransaction` of `effect/sql`. Inside another SQL transaction, it opens a
 *   savepoint, and invalidates after the outermost commit. It then uses the outer transaction's `outbox`, or its own if
 *   the outer transaction has none. A rollback invalidates nothing.
 * - Inside the transaction, explicit reads (`Cached.getOption` …) see its earlier writes. Cached effects bypass the
 *   cache, because the rows that they read may be rolled back.
 * - A value set inside the transaction is not stored. Its key is invalidated after the commit, because two transactions
 *   on one row may reach cache and database in different orders. Counters change after the commit. Any store works.
 * - Returns once the invalidations are carried out. If the store does not answer in time, returns without a failure
 *   even under `CachePolicy.strict`, and sends the invalidations again later. If the commit fails, it may still have
 *   changed the database: then the invalidations are carried out as well, but no counter changes.
 * - If the `outbox` table is missing, the transaction fails with an `SqlError` and is rolled back: provide the layer
 *   `Transaction.outbox`, which creates the table.
 *
 * **Example** (Renaming a user)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql"
 * import { Cached, Transaction } from "effect-cached"
 *
 * const rename = (id: number, name: string) =>
 *   Effect.gen(function*() {
 *     const sql = yield* SqlClient.SqlClient
 *     yield* sql`UPDATE users SET name = ${name} WHERE id = ${id}`
 *     yield* Cached.invalidate([`user:${id}`, { tag: "users" }])
 *   }).pipe(Transaction.withSql({ outbox: "cache_outbox" }))
 * Effect.isEffect(rename(1, "Ada")) // => true
 * ```
 *
 * @see `Cached.invalidateAfter` for a single effect
 * @see {@link run} for a transaction of the cache alone
 * @category combinators
 * @since 0.1.0
 */
export const withSql: {
  (
    options?: SqlOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R | SqlClient | Caching>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    options?: SqlOptions
  ): Effect.Effect<A, E | SqlError, R | SqlClient | Caching>
} = dual(
  isDataFirst,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    options: SqlOptions = {}
  ): Effect.Effect<A, E | SqlError, R | SqlClient | Caching> => {
    requireEffect("Transaction.withSql", self)
    checkOptions("Transaction.withSql", options, sqlChecks)
    return Effect.flatMap(Client, (sql) =>
      withCaching((outer) => {
        const entered = outer.perform(enter)
        if (entered === undefined) return sql.withTransaction(self)
        const body = (cache: Cache) => Effect.provideService(self, Caching, outer.inside?.(cache) ?? cache)
        if (!isOverlay(entered)) {
          return Effect.flatMap(Lock, (lock) =>
            Sql.withSql({ outer, base: entered, lock, sql, outbox: options.outbox }, body))
        }
        if (entered.root.bypasses) {
          // The outermost transaction invalidates for both transactions, so it adopts this `outbox` if it has none yet.
          entered.root.outbox ??= options.outbox
          const inside = { isolation: undefined, timeoutMillis: Infinity, around: sql.withTransaction }
          return Run.nested(entered, inside, body) as Effect.Effect<A, E | SqlError, R>
        }
        throw new CacheConfigError({
          message:
            "Transaction.withSql cannot run inside Transaction.run, whose writes the cache commits: use withSql alone"
        })
      }))
  }
)

const tableName = (what: string) => (table: unknown) => {
  if (typeof table === "string" && table !== "") return
  throw new CacheConfigError({ message: `${what} is not the name of a table: pass one like "cache_outbox"` })
}

const sqlChecks: Checks<SqlOptions> = { outbox: optional(tableName("The outbox of Transaction.withSql")) }

/**
 * Options for `Transaction.outbox`.
 * @category options
 * @since 0.1.0
 */
interface OutboxOptions {
  /** The name of the outbox table, which is created if it is missing. */
  readonly table: string
}

/**
 * A layer that carries out the invalidations of processes that crashed right after an SQL commit.
 *
 * **When to use**
 *
 * Use with `Transaction.withSql` if a crash right after an SQL commit must not leave old values in the cache.
 *
 * **Details**
 *
 * - The layer looks for rows older than 5 seconds (by the clocks of the processes), first when it is built and then
 *   every 10 seconds. Several processes may run the layer at once.
 * - A missing table is created, with the columns `id` (64 characters, the primary key), `created` (a 64-bit number) and
 *   `targets` (text). If an existing table lacks one of these columns, the layer fails.
 * - An unreadable row is kept, because a later release may have written it. The layer logs one warning for the row.
 *
 * **Example** (Providing the replay)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Transaction } from "effect-cached"
 *
 * const outbox = Transaction.outbox({ table: "cache_outbox" })
 * Layer.isLayer(outbox) // => true
 * ```
 *
 * @see {@link withSql} for the transactions that write the rows
 * @category layers
 * @since 0.1.0
 */
export const outbox = (options: OutboxOptions): Layer.Layer<never, SqlError, SqlClient | Caching> => {
  checkOptions<OutboxOptions>("Transaction.outbox", options, { table: tableName("The table of Transaction.outbox") })
  const { table } = options
  return Layer.effectDiscard(Effect.flatMap(Client, (sql) =>
    withCaching((cache) => {
      const foreign = new Set()
      const look = Effect.catchCause(
        Sql.replay(cache, sql, table, foreign),
        (cause) =>
          // The query is interrupted if its connection closes as the program ends. That is not worth a warning.
          Cause.hasInterruptsOnly(cause)
            ? Effect.void
            : Effect.logWarning(
              `The outbox "${table}" could not be read (see the cause), so its invalidations wait: it is read again`,
              cause
            )
      )
      const looking = Effect.forever(Effect.andThen(look, Effect.sleep(numbers.everyMillis)))
      return Effect.andThen(Sql.makeTable(sql, table), Effect.asVoid(Effect.forkScoped(looking)))
    })))
}
