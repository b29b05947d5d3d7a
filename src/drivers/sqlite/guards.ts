/** Implements the guard store in a file of a folder. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DatabaseSync } from "node:sqlite"
import { StoreError } from "../../CacheError.ts"
import type { GuardStore } from "../../GuardStore.ts"
import { merge, parse } from "../../internal/guard/memory.ts"
import { reasonOf } from "./fault.ts"
import { toColumn } from "./file/schema.ts"
import type { FolderOptions } from "./options.ts"
import * as SideFile from "./sideFile.ts"

/** Opens the guard store of a folder until the scope closes. */
export const guardsIn = (folder: FolderOptions): Effect.Effect<GuardStore, StoreError, Scope.Scope> =>
  Effect.map(
    SideFile.make("open", { ...folder, name: "guards", format: 1, schema, prepare, toError: storeError }),
    over
  )

/** The number of guard steps between two removals of expired states. */
const tidyEvery = 1024

export const storeError = (operation: string, cause: unknown): StoreError =>
  new StoreError({ store: "sqlite", operation, reason: reasonOf(cause, operation), cause })

const over = (file: SideFile.SideFile<Tables, StoreError>): GuardStore => {
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
          : parse<NonNullable<Parameters<typeof kind.step>[0]>>(String(row["state"]))
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
