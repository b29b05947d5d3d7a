/**
 * Keeps the state of guards in a directory on the local disk, with Node's SQLite. All processes of one machine share
 * this state. Must not be used on a network file system.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
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
 * The directory in which the state of guards is kept.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /** The directory. It is created if it does not exist, and may be the directory of a `SqliteStore`. */
  readonly directory: string
  /**
   * Whether to accept a folder that other users can write to. The program then trusts everything they write there.
   * @default `false`
   */
  readonly trustFolder?: boolean | undefined
}

/**
 * Provides a guard store in a directory.
 *
 * **When to use**
 *
 * Use for limits that all processes of a machine share. `CacheLayer.disk` already provides a guard store in its folder.
 *
 * **Details**
 *
 * - Each step of a guard is one transaction, so a limit holds across all processes, even if some are killed.
 * - Fails with a `StoreError` if the directory cannot be used. Throws a `CacheConfigError` for invalid options.
 * - A damaged file is not replaced automatically, because other processes may use it. Until you delete the file, guards
 *   follow their `onStoreError`.
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
 * @see `RedisGuardStore.layer` for processes on several machines
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, StoreError> => {
  const what = "SqliteGuardStore.layer"
  refuseUnknown(what, options, ["directory", "trustFolder"])
  const file = { ...folderOf(what, options), name: "guards", format: 1, schema, prepare, toError }
  return Layer.effect(GuardStore.GuardStore, Effect.map(SideFile.make("open", file), over))
}

/** The number of guard steps between two removals of expired states. */
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
