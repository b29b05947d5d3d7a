/** Binds a transaction of the cache to a database transaction: the invalidations follow the database's commit. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Lock } from "../../../ports/lock.ts"
import { outbox as numbers } from "../../defaults/bounds.ts"
import { together } from "../../lock/fromBackend.ts"
import { isListOfText } from "../../options/options.ts"
import type { Cache, Operation } from "../boundCache.ts"
import * as Engine from "../engine.ts"
import * as Watches from "../flight/watches.ts"
import * as Operations from "../operationTable.ts"
import * as Policy from "../request/callPolicy.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import * as Overlay from "./overlay.ts"
import { make as cacheOver } from "./transactionCache.ts"

/** A transaction's invalidations. They include ids that were set, because storing values could overwrite later ones. */
interface Targets {
  readonly all: boolean
  readonly ids: ReadonlyArray<string>
  readonly tags: ReadonlyArray<{ readonly tags: ReadonlyArray<string>; readonly mode: "hard" | "soft" }>
}

const targetsOf = ({ sweeps, writes }: Overlay.Overlay): Targets => ({
  all: sweeps.some(({ _tag }) => _tag === "Clear"),
  ids: Array.from(writes.keys()),
  tags: sweeps.flatMap((sweep) => sweep._tag === "Tags" ? [{ tags: sweep.tags, mode: sweep.mode }] : [])
})

const isNothing = ({ all, ids, tags }: Targets): boolean => !all && ids.length === 0 && tags.length === 0

/** Performs the invalidations. Never fails, even under a strict policy: unacknowledged invalidations are sent again. */
const invalidate = (cache: Cache, { all, ids, tags }: Targets): Effect.Effect<void> =>
  Effect.andThen(
    all ? cache.perform(Operations.clear) : Effect.void,
    Effect.andThen(
      ids.length === 0 ? Effect.void : cache.perform(Operations.invalidate, ids),
      Effect.forEach(tags, ({ mode, tags }) => cache.perform(Operations.invalidateTags, tags, mode), { discard: true })
    )
  ).pipe(Effect.updateService(Policy.Current, (policy) => ({ ...policy, strict: false })))

/** Whether the store has not yet acknowledged an invalidation. Until it has, the row in the outbox stays. */
const isUnsent = (engine: Engine.Engine | undefined, { all, ids, tags }: Targets): boolean => {
  if (engine?.storeTier === undefined) return false
  const { pending } = engine.storeTier
  return (all && pending.all !== undefined) || ids.some((id) => Pending.isUnsent(pending, id, [])) ||
    tags.some(({ tags }) => Pending.isUnsent(pending, "", tags))
}

/** Applies the counter changes after the database's commit, because the commit does not include them. */
const count = (cache: Cache, self: Overlay.Overlay): Effect.Effect<void> =>
  Effect.forEach(Array.from(self.counts.values()).flat(), (count) => {
    switch (count._tag) {
      case "Increment":
        return Effect.ignore(cache.perform(Operations.increment, count.name, count.by, count.ttlMillis))
      case "TouchCounter":
        return Effect.ignore(cache.perform(Operations.touchCounter, count.name, count.ttlMillis))
      case "RemoveCounter":
        return Effect.ignore(cache.perform(Operations.removeCounter, count.name))
    }
  }, { discard: true })

interface Begun {
  readonly outer: Cache
  readonly base: Engine.Engine
  readonly lock: Lock
  readonly sql: SqlClient
  readonly outbox: string | undefined
}

export const withSql = <A, E, R>(
  { base, lock, outbox, outer, sql }: Begun,
  body: (cache: Cache) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const overlay = Overlay.make({
        outer,
        base,
        isolation: "fast",
        bypasses: true,
        checks: Overlay.noChecks(),
        acquire: together(lock, scope),
        scope,
        locked: new Map(),
        lockMillis: Infinity,
        watch: Watches.begin(base),
        outbox,
        isOpen: true
      }, undefined)
      let isTold = false
      let isEarly = false
      let targets: Targets | undefined
      const tell = (targets: Targets): Effect.Effect<void> =>
        Effect.suspend(() => {
          isTold = true
          return Effect.andThen(invalidate(outer, targets), count(outer, overlay))
        })
      const inside = Effect.gen(function*() {
        const value = yield* body(cacheOver(overlay))
        overlay.isOpen = false
        const found = targetsOf(overlay)
        const { outbox } = overlay.root
        const row = outbox === undefined || isNothing(found) ? undefined : yield* writeRow(sql, outbox, base, found)
        const told = Effect.andThen(
          tell(found),
          Effect.suspend(() => isUnsent(base, found) ? Effect.void : row ?? Effect.void)
        )
        yield* sql.afterCommit(Effect.suspend(() => {
          if (targets !== undefined) return told
          // A client without commit hooks runs this immediately, before the commit.
          isEarly = true
          return Effect.void
        }))
        targets = found
        return value
      })
      return Effect.onExit(restore(sql.withTransaction(inside)), (exit) =>
        Effect.suspend(() => {
          overlay.isOpen = false
          Watches.end(base)
          // True without commit hooks, or if the commit may have been sent but its outcome is unknown.
          const isInDoubt = isEarly || !isTold && Exit.isFailure(exit)
          const untold = targets === undefined || !isInDoubt
            ? Effect.void
            : Exit.isSuccess(exit)
            ? tell(targets)
            : invalidate(outer, targets)
          return Effect.andThen(untold, Effect.andThen(Engine.close(overlay.own, 0), Scope.close(scope, exit)))
        }))
    })
  )

const writeRow = (
  sql: SqlClient,
  table: string,
  { tokens }: Engine.Engine,
  targets: Targets
): Effect.Effect<Effect.Effect<void>, SqlError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const id = tokens.next(16)
    const insert = sql`INSERT INTO ${sql(table)} (id, created, targets) VALUES (${id}, ${now}, ${
      JSON.stringify(targets)
    })`
    // The deletion is not awaited: if the row remains, a replay finds it.
    return Effect.as(insert, Effect.asVoid(Effect.forkDetach(Effect.ignore(removeRow(sql, table, id)))))
  })

const removeRow = (sql: SqlClient, table: string, id: string) => sql`DELETE FROM ${sql(table)} WHERE id = ${id}`

/** Creates the outbox table if it is missing. If the database user may not create tables, the table must exist. */
export const makeTable = (sql: SqlClient, table: string): Effect.Effect<void, SqlError> => {
  const look = sql`SELECT id, created, targets FROM ${sql(table)} WHERE id = ''`
  // In MySQL, a TEXT column holds only 64 KiB.
  const text = sql.literal(sql.onDialectOrElse({ mysql: () => "LONGTEXT", orElse: () => "TEXT" }))
  const create = sql`CREATE TABLE IF NOT EXISTS ${
    sql(table)
  } (id VARCHAR(64) PRIMARY KEY, created BIGINT NOT NULL, targets ${text} NOT NULL)`
  // If several processes create the table at once, all but one may fail.
  const made = Effect.retry(Effect.andThen(create, look), { times: 2 })
  return Effect.asVoid(Effect.catch(look, () => made))
}

const engineOf: Operation<[], Engine.Engine | undefined> = { over: (engine) => engine, without: () => undefined }

/** Performs invalidations left by crashed processes. `foreign` collects the ids of unreadable rows, which stay. */
export const replay = Effect.fnUntraced(function*(
  cache: Cache,
  sql: SqlClient,
  table: string,
  foreign: Set<unknown>
): Effect.fn.Return<void, SqlError> {
  const now = yield* Clock.currentTimeMillis
  const before = foreign.size
  // Rows are read one at a time, because many may have accumulated while the store was down.
  const rows = yield* sql<{ readonly id: string }>`
    SELECT id FROM ${sql(table)} WHERE created <= ${now - numbers.olderMillis} ORDER BY created`
  for (const { id } of rows) {
    if (foreign.has(id)) continue
    const [row] = yield* sql<{ readonly targets: string }>`SELECT targets FROM ${sql(table)} WHERE id = ${id}`
    if (row === undefined) continue
    const targets = parse(row.targets)
    if (targets === undefined) foreign.add(id)
    else {
      yield* invalidate(cache, targets)
      if (!isUnsent(cache.perform(engineOf), targets)) yield* removeRow(sql, table, id)
    }
  }
  if (foreign.size > before) {
    yield* Effect.logWarning(
      `The outbox "${table}" has rows that cannot be read, and leaves them: they may be of a later release ` +
        `(${foreign.size - before} since the last look)`
    )
  }
})

const parse = (text: unknown): Targets | undefined => {
  try {
    const { all, ids, tags }: Targets = JSON.parse(String(text))
    const isRight = typeof all === "boolean" && isListOfText(ids) && Array.isArray(tags) &&
      tags.every((one: Targets["tags"][number]) =>
        isListOfText(one.tags) && (one.mode === "hard" || one.mode === "soft")
      )
    return isRight ? { all, ids, tags } : undefined
  } catch {
    return undefined
  }
}
