/** Runs each operation of the store as one transaction, and reports writes to the other tabs. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { StoreError } from "../../CacheError.ts"
import type { Tokens } from "../../internal/token.ts"
import type { Change, ScanOptions } from "../../ports/store.ts"
import * as Channel from "./channel.ts"
import * as Database from "./database.ts"
import type { Locks } from "./locks.ts"
import * as Entries from "./tables/entries.ts"

export interface IndexedDb {
  readonly maxSize: number
  readonly maxValue: number
  readonly database: Database.Database
  readonly channel: Channel.Channel | undefined
  readonly locks: Locks | undefined
  readonly tokens: Tokens
  /** The owners of this tab's leases, by id. An id has several owners while loads run side by side (`join`). */
  readonly owners: Map<string, Set<string>>
}

export const storeName = "indexeddb"

type Tables = ReadonlyArray<Database.Table>

export const allTables: Tables = ["entries", "payloads", "numbers", "leases", "counters", "markers"]

export const asking = <A>(
  operation: string,
  ask: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, StoreError> =>
  Effect.tryPromise({
    try: ask,
    catch: (cause) =>
      cause instanceof StoreError
        ? cause
        : new StoreError({ store: storeName, operation, reason: Database.reasonOf(cause), cause })
  })

export const reading = <A>(
  { database }: IndexedDb,
  operation: string,
  tables: Tables,
  steps: (transaction: Database.Transaction) => Promise<A>
): Effect.Effect<A, StoreError> =>
  asking(operation, (signal) => Database.run(database, tables, steps, { mode: "readonly", signal }))

/** Runs a write as one transaction. If the browser's storage is full, evicts half of the entries and retries once. */
export const writing = <A>(
  { database }: IndexedDb,
  operation: string,
  tables: Tables,
  steps: (transaction: Database.Transaction, now: number) => Promise<A>
): Effect.Effect<A, StoreError> =>
  Effect.clockWith((clock) => {
    const now = clock.currentTimeMillisUnsafe()
    const run = <A>(tables: Tables, steps: (transaction: Database.Transaction, now: number) => Promise<A>) =>
      asking(operation, (signal) => Database.run(database, tables, (open) => steps(open, now), { signal }))
    const once = run(tables, steps)
    const halve = run(["entries", "payloads", "numbers"], Entries.halve)
    return Effect.catchIf(once, ({ reason }) => reason === "Full", () => Effect.andThen(halve, once))
  })

/** Runs a write and reports it to the other tabs. By default, the result `false` means that nothing was changed. */
export const telling = <A>(
  { channel }: IndexedDb,
  changes: ReadonlyArray<Change>,
  write: Effect.Effect<A, StoreError>,
  changed: (answer: A) => ReadonlyArray<Change> = (answer) => answer === false ? [] : changes
): Effect.Effect<A, StoreError> => channel === undefined ? write : Channel.telling(channel, changes, write, changed)

const page = 256

interface Listing<Table extends "entries" | "leases" | "counters", A> {
  readonly operation: string
  readonly table: Table
  readonly toItem: (key: string, row: Database.Schema[Table]["value"]) => A
}

/** Lists a table page by page. Each page is read in its own transaction, so later pages may show newer writes. */
export const listing = <Table extends "entries" | "leases" | "counters", A>(
  self: IndexedDb,
  { operation, table, toItem }: Listing<Table, A>
) =>
({ prefix = "" }: ScanOptions = {}): Stream.Stream<A, StoreError> =>
  Stream.paginate(undefined as string | undefined, (after) =>
    reading(self, operation, [table], async (transaction) => {
      const range = after === undefined ? IDBKeyRange.lowerBound(prefix) : IDBKeyRange.lowerBound(after, true)
      const records = transaction.objectStore<Table>(table)
      const [keys, rows] = await Promise.all([records.getAllKeys(range, page), records.getAll(range, page)])
      const wanted = keys.filter((key) => key.startsWith(prefix))
      const next = wanted.length === page ? Option.some(wanted.at(-1)!) : Option.none()
      return [wanted.map((key, i) => toItem(key, rows[i]!)), next] as const
    }))
