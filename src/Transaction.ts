/**
 * Transactions: several entries, tags and counters change together, or not at all.
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

/** Whether the effect comes first, or a mistake in its place. */
const isDataFirst = ([first]: IArguments): boolean =>
  Effect.isEffect(first) || typeof first === "function" || first instanceof Promise

/**
 * The isolation of a transaction. Under each level its writes are committed in one step.
 *
 * - `"fast"`: nothing is locked, and only the conditions of `Cached.set` are checked at the commit. Writes of others
 *   between a read and the commit are overwritten
 * - `"locked"`: the keys and counters of explicit operations (`Cached.getOption`, `set`, `increment` …) are locked from
 *   their first use on, in all processes that share the `Lock`. Their reads are also checked at the commit, because a
 *   plain `Cached.set` takes no lock. Answers of cached effects are not checked
 * - `"serializable"`: nothing is locked. All reads are checked at the commit: answers of cached effects, and listings
 *   (in memory and on disk; elsewhere a listing fails with a `StoreError` of reason `Unsupported`). The result is as if
 *   it had run alone. A transaction that fails because of concurrent changes is retried as well
 * @category models
 * @since 0.1.0
 */
export type Isolation = Overlay.Isolation

/**
 * Options for `Transaction.run`.
 * @category options
 * @since 0.1.0
 */
export interface Options<I extends Isolation = Isolation> {
  /**
   * The isolation level: `"fast"` (checks conditions of `Cached.set` only), `"locked"` (locks keys and counters of
   * explicit operations) or `"serializable"` (checks everything that was read). A nested transaction has at most that
   * of the outer one.
   * @default `"locked"`
   */
  readonly isolation?: I | undefined
  /** How long all tries and waits for locks may take together before a `TransactionTimeout`. @default 10 seconds */
  readonly timeout?: Ttl.Input | undefined
  /**
   * The schedule of retries after a `TransactionConflict`, from the beginning. No effect in a nested transaction.
   * @default 5 times, with growing pauses from 10 ms, and jitter
   */
  readonly retry?: Schedule.Schedule<unknown, TransactionConflict> | undefined
}

/**
 * The failures of a transaction in addition to those of its effect.
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
 * Runs an effect as a transaction: its writes to the cache become visible in one step when it succeeds, and not at all
 * if it fails, dies, is interrupted, or takes too long.
 *
 * **When to use**
 *
 * Use if several entries must change together. For one entry, `Cached.update` needs no transaction.
 *
 * **Details**
 *
 * - Inside, reads see earlier writes: `Cached.set`, `touch`, `remove`, `increment`, conditional sets, bulk operations,
 *   tags, patterns, listings. A `ttl` counts from the commit.
 * - A cached effect inside is answered with a value written there, a cached value, or a load of its own, whose result
 *   is stored with the commit, unless its key was invalidated in the meantime.
 * - A nested transaction is a savepoint: if it fails, only its own writes are discarded, and the outer one continues.
 * - After a conflict the effect runs again from its beginning, so it should do nothing that cannot be repeated.
 * - More than 20,000 writes, or values of more than 32 MiB, are refused as a whole (`StoreError`, `TooLarge`).
 * - It needs a store that writes several entries in one step: memory, `CacheLayer.disk` and a Redis server do, and
 *   custom storages that no other process uses. Any other fails with `StoreError` (`Unsupported`). A Redis cluster does
 *   so for the keys of one slot: anything else fails at the commit, and nothing is written.
 *
 * **Gotchas**
 *
 * - If the store does not answer the commit, its outcome is unknown. The transaction fails with the `StoreError`, and
 *   its writes are removed as soon as the store answers: readers find the old value, the new value, or nothing.
 * - A fiber that outlives the transaction may not use its cache, which dies with a `CacheConfigError`.
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
 * @see {@link withSql} for a transaction of a database
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
      // A disabled cache has nothing to commit.
      if (entered === undefined) return self
      const body = (cache: Cache) => Effect.provideService(self, Caching, cache)
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
 * Discards the writes of the innermost transaction so far, and continues inside it. Its reads are still checked at the
 * commit, and its locks stay locked. It dies with a `CacheConfigError` outside of a transaction, and inside
 * `Transaction.withSql`, whose rows it would not discard: let that fail instead.
 *
 * **When to use**
 *
 * Use to give up the writes of a step without failing.
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
 * @see {@link run} for discarding all writes by a failure
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
export interface SqlOptions {
  /**
   * The table that holds the invalidations until they are carried out, so that they survive a crash after the commit.
   * @default none: changes of a crashed process may go unnoticed until the ttl
   */
  readonly outbox?: string | undefined
}

/**
 * Runs an effect in an SQL transaction, and invalidates its changes of the cache after the commit.
 *
 * **When to use**
 *
 * Use if a program writes to its database and to a cache of its content: neither is changed without the other.
 *
 * **Details**
 *
 * - It opens the transaction (`SqlClient.withTransaction` of `effect/sql`). Inside one it is a savepoint, and
 *   invalidates after the outermost commit, with the `outbox` of either. A rollback invalidates nothing.
 * - Inside, reads by hand see earlier writes. Cached effects bypass the cache: they see the rows of the transaction,
 *   which may be rolled back.
 * - A value that is set inside is invalidated after the commit, not stored: of two transactions on one row the earlier
 *   one may be the last to reach the cache. Counters are changed after the commit. Any store is supported.
 * - It returns when the invalidations are carried out, or the store has not answered in time. In that case they are
 *   sent again without a failure, even under `CachePolicy.strict`. They are also carried out after a failed commit,
 *   whose outcome is unknown.
 * - If the table of the `outbox` is missing, the transaction fails (`SqlError`) and is rolled back: provide
 *   `Transaction.outbox`, which creates it.
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
 *     yield* Cached.invalidateMany([`user:${id}`, { tag: "users" }])
 *   }).pipe(Transaction.withSql({ outbox: "cache_outbox" }))
 * Effect.isEffect(rename(1, "Ada")) // => true
 * ```
 *
 * @see `Cached.invalidateAfter` for a single effect
 * @see {@link run} for entries without a database
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
        const body = (cache: Cache) => Effect.provideService(self, Caching, cache)
        if (!isOverlay(entered)) {
          return Effect.flatMap(Lock, (lock) =>
            Sql.withSql({ outer, base: entered, lock, sql, outbox: options.outbox }, body))
        }
        if (entered.root.bypasses) {
          // The outermost transaction commits for both.
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
export interface OutboxOptions {
  /** The name of the table, which is created if it is missing. */
  readonly table: string
}

/**
 * A layer that carries out the invalidations of processes that crashed between the commit of their SQL transaction and
 * the invalidation.
 *
 * **When to use**
 *
 * Use if no old value may stay cached after a process crashes between its commit and the invalidation.
 *
 * **Details**
 *
 * - It looks for rows that are older than 5 seconds, by the clocks of the processes, when it is built and every 10
 *   seconds. Several processes may do so at once.
 * - It creates a missing table, with the columns `id` (64 characters, the primary key), `created` (a 64-bit number) and
 *   `targets` (a text). A table with other columns fails the layer.
 * - An unreadable row is left alone, with one warning: it may come from a later release.
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
 * @see {@link withSql} for what writes the rows
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
          // A closed connection is expected when the program ends.
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
