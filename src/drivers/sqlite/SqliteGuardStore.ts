/**
 * State of guards that all processes of one machine share, in a directory of its local disk (SQLite, as Node has it).
 * Not for network file systems.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { DatabaseSync } from "node:sqlite"
import { StoreError } from "../../CacheError.ts"
import * as GuardStore from "../../GuardStore.ts"
import { merge } from "../../internal/guard/memory.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { reasonOf } from "./fault.ts"
import { toColumn } from "./file/schema.ts"
import { folderOf } from "./options.ts"
import * as SideFile from "./sideFile.ts"

/**
 * The directory of the state.
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The directory, created if it does not exist. The directory of a `SqliteStore` will do. */
  readonly directory: string
  /**
   * Accepts a folder that other users can write to, and trusts its content as if the program had stored it.
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * The state of guards in a directory, until the scope closes. All guard stores in the same directory share it.
 *
 * **When to use**
 *
 * Use to keep limits in another folder than that of `CacheLayer.disk`, or without such a cache.
 *
 * **Details**
 *
 * - A step is one transaction: a limit holds for all processes together, even if some of them are killed.
 * - Fails with a `StoreError` if the directory cannot be used. Throws a `CacheConfigError` for invalid options.
 * - A damaged file is not replaced, because others may use it: delete it. Until then, guards follow their
 *   `onStoreError`.
 *
 * **Example** (One limit for all processes of a machine)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { SqliteGuardStore } from "effect-cached/sqlite"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "limits")
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 100, window: "1 minute" }))
 * await Effect.runPromise(call.pipe(Effect.provide(SqliteGuardStore.layer({ directory })))) // => "called"
 * ```
 *
 * @see {@link layer} for providing it
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> => {
  const what = "SqliteGuardStore.make"
  refuseUnknown(what, options, ["directory", "trustFolder"])
  const file = { ...folderOf(what, options), name: "guards", format: 1, schema, prepare, toError }
  return Effect.map(SideFile.make("open", file), over)
}

/**
 * The layer of the state of guards in a directory.
 *
 * **When to use**
 *
 * Use for limits of all processes of one machine. `CacheLayer.disk` provides one for its folder.
 *
 * **Example** (Refusing a second call)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { SqliteGuardStore } from "effect-cached/sqlite"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const directory = join(mkdtempSync(join(tmpdir(), "cache-")), "limits")
 *
 * const call = Effect.succeed("called").pipe(
 *   Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }),
 *   Effect.catchTag("RateLimitExceeded", () => Effect.succeed("refused"))
 * )
 * const twice = Effect.all([call, call]).pipe(Effect.provide(SqliteGuardStore.layer({ directory })))
 * await Effect.runPromise(twice) // => ["called", "refused"]
 * ```
 *
 * @see {@link make} for its guarantees
 * @see `RedisGuardStore.layer` for processes of several machines
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, StoreError> =>
  Layer.effect(GuardStore.GuardStore, make(options))

/** Steps between two removals of expired states. */
const tidyEvery = 1024

const toError = (operation: string, cause: unknown): StoreError =>
  new StoreError({ store: "sqlite", operation, reason: reasonOf(cause, operation), cause })

const over = (file: SideFile.SideFile<Tables, StoreError>): GuardStore.GuardStore => {
  let steps = 0
  const run = <A>(operation: string, change: (tables: Tables, now: number) => A): Effect.Effect<A, StoreError> =>
    SideFile.attempt(
      file,
      operation,
      (tables, clock) => SideFile.write(file, () => change(tables, clock.currentTimeMillisUnsafe()))
    )
  return {
    name: "sqlite",
    run: (kind, name, input) =>
      run(kind.name, (tables, now) => {
        const row = tables.get.get(kind.name, toColumn(name))
        const before = row === undefined || Number(row["expires_at"]) <= now
          ? undefined
          : JSON.parse(String(row["state"])) as Parameters<typeof kind.step>[0]
        const { answer, expiresAt, state } = kind.step(before, now, input)
        if (state !== undefined) {
          if (++steps % tidyEvery === 0) tables.tidy.run(now)
          tables.set.run(kind.name, toColumn(name), JSON.stringify(state), expiresAt)
        }
        return answer
      }),
    readBits: (filter, numbers) => run("readBits", (tables) => numbers.map((number) => bitsOf(tables, filter, number))),
    mergeBits: (filter, blocks) =>
      run("mergeBits", (tables) =>
        blocks.map(({ bytes, number }) => {
          const merged = merge(bitsOf(tables, filter, number), bytes)
          tables.setBits.run(toColumn(filter), number, merged)
          return merged
        })),
    removeBits: (filter) => run("removeBits", (tables) => void tables.removeBits.run(toColumn(filter)))
  }
}

const bitsOf = (tables: Tables, filter: string, number: number): Uint8Array | undefined =>
  tables.getBits.get(toColumn(filter), number)?.["bits"] as Uint8Array | undefined

const schema = `
  CREATE TABLE guard (kind TEXT NOT NULL, name NOT NULL, state TEXT NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (kind, name)) WITHOUT ROWID;
  CREATE INDEX guard_expires_at ON guard (expires_at);
  CREATE TABLE filter (name NOT NULL, number INTEGER NOT NULL, bits BLOB NOT NULL, PRIMARY KEY (name, number));
`

type Tables = ReturnType<typeof prepare>

const prepare = (database: DatabaseSync) => ({
  get: database.prepare("SELECT state, expires_at FROM guard WHERE kind = ? AND name = ?"),
  set: database.prepare("INSERT OR REPLACE INTO guard VALUES (?, ?, ?, ?)"),
  tidy: database.prepare("DELETE FROM guard WHERE expires_at <= ?"),
  getBits: database.prepare("SELECT bits FROM filter WHERE name = ? AND number = ?"),
  setBits: database.prepare("INSERT OR REPLACE INTO filter VALUES (?, ?, ?)"),
  removeBits: database.prepare("DELETE FROM filter WHERE name = ?")
})
