/** An IndexedDB database. It is opened on first use, and reopened after the browser or another page has closed it. */
import type { DBSchema, IDBPDatabase, IDBPTransaction } from "idb"
import type { Meta } from "../../CacheEntry.ts"
import type { StoreErrorReason } from "../../CacheError.ts"
import type { Lease } from "../../internal/store/leases.ts"
import type { Counter, Marker } from "../../ports/store.ts"
import { packageError } from "../shared/packageError.ts"

export interface LeaseRecord extends Lease {
  isLocked?: boolean
}

/** An entry without its payload. Payloads have their own table, so that listings and evictions need not read them. */
interface Row {
  readonly meta: Meta
  readonly size: number
  /** The position of the entry's last write in the order of all writes. */
  readonly order: number
}

/** The tables of the database. Keys are JavaScript strings, so even a lone surrogate is a valid key. */
export interface Schema extends DBSchema {
  entries: { key: string; value: Row; indexes: { expiresAt: number; order: number } }
  payloads: { key: string; value: Uint8Array }
  leases: { key: string; value: LeaseRecord; indexes: { dies: number } }
  markers: { key: string; value: Marker; indexes: { seq: number } }
  counters: { key: string; value: Counter; indexes: { expiresAt: number } }
  /** `seq` counts invalidations, `order` counts writes, and `size` is the total size of all entries. */
  numbers: { key: "seq" | "order" | "size"; value: number }
}

export type Table = "entries" | "payloads" | "leases" | "markers" | "counters" | "numbers"

export type Transaction = IDBPTransaction<Schema, Array<Table>, "readwrite">

/** The format version in the database's name. A new format uses a new database, so no open tab blocks the upgrade. */
const format = 1

export interface Database {
  readonly name: string
  opened: Promise<IDBPDatabase<Schema>> | undefined
  isClosed: boolean
}

export const make = (name: string): Database => ({ name, opened: undefined, isClosed: false })

export const open = async (self: Database): Promise<IDBPDatabase<Schema>> => {
  if (self.isClosed) throw new Error("the store is closed")
  if (self.opened !== undefined) return await self.opened
  // In some browsers, the property `indexedDB` exists, but is `undefined` or `null`.
  if (globalThis.indexedDB === undefined || globalThis.indexedDB === null) {
    throw new ReferenceError("this platform has no IndexedDB, or denies it to this page")
  }
  const forget = () => {
    if (self.opened === opening) self.opened = undefined
  }
  const opening = openNow(self.name, forget)
  opening.catch(forget)
  return await (self.opened = opening)
}

export const close = (self: Database): void => {
  self.isClosed = true
  void self.opened?.then((database) => database.close(), () => {})
  self.opened = undefined
}

const library = async () => {
  // Bundlers leave out a missing package whose import is in `try`: it is optional.
  try {
    return await import("idb")
  } catch (error) {
    throw packageError("idb", error)
  }
}

const openNow = async (name: string, onClosed: () => void): Promise<IDBPDatabase<Schema>> =>
  (await library()).openDB<Schema>(`effect-cached/${format}/${name}`, 1, {
    upgrade(database) {
      const entries = database.createObjectStore("entries")
      entries.createIndex("expiresAt", "meta.expiresAt")
      entries.createIndex("order", "order")
      database.createObjectStore("payloads")
      database.createObjectStore("leases").createIndex("dies", "dies")
      database.createObjectStore("markers").createIndex("seq", "seq")
      database.createObjectStore("counters").createIndex("expiresAt", "expiresAt")
      database.createObjectStore("numbers")
    },
    // Called when another page wants to delete the database, which an open connection would prevent.
    blocking(_current, _blocked, event) {
      const database = event.target as IDBDatabase
      database.close()
      onClosed()
    },
    terminated: onClosed
  })

interface RunOptions {
  readonly mode?: IDBTransactionMode
  readonly signal?: AbortSignal
}

/** Runs steps as one transaction. They must await only requests of the transaction, because any other wait ends it. */
export const run = async <A>(
  self: Database,
  tables: ReadonlyArray<Table>,
  steps: (transaction: Transaction) => Promise<A>,
  { mode = "readwrite", signal }: RunOptions = {}
): Promise<A> => {
  const transaction = await begin(self, tables, mode)
  // Handles the rejection here, so that it is not reported as unhandled while the steps still run.
  const done = transaction.done.catch((thrown: unknown) => ({ thrown }))
  const abort = () => {
    try {
      transaction.abort()
    } catch {
      // `abort` throws if the transaction has already ended.
    }
  }
  signal?.addEventListener("abort", abort)
  try {
    const answer = await steps(transaction)
    const failed = await done
    if (failed !== undefined) throw failed.thrown
    return answer
  } catch (thrown) {
    abort()
    await done
    throw transaction.error ?? thrown
  } finally {
    signal?.removeEventListener("abort", abort)
  }
}

const begin = async (
  self: Database,
  tables: ReadonlyArray<Table>,
  mode: IDBTransactionMode
): Promise<Transaction> => {
  const start = (on: IDBPDatabase<Schema>) =>
    on.transaction([...tables], mode as "readwrite", { durability: "relaxed" }) as Transaction
  try {
    return start(await open(self))
  } catch (thrown) {
    if ((thrown as { readonly name?: unknown }).name !== "InvalidStateError") throw thrown
    // The browser has closed the database without an event, so it is opened again.
    self.opened = undefined
    return start(await open(self))
  }
}

const reasons = new Map<unknown, StoreErrorReason>([
  ["QuotaExceededError", "Full"],
  ["SecurityError", "Denied"],
  ["NotAllowedError", "Denied"],
  // `open` throws this error on a platform without IndexedDB.
  ["ReferenceError", "Unsupported"],
  ["MissingPackage", "Unsupported"]
])

export const reasonOf = (thrown: unknown): StoreErrorReason =>
  reasons.get((thrown as { readonly name?: unknown } | null)?.name) ?? "Unavailable"
