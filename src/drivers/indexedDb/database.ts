/** A database of the browser: opened when it is needed, and again after it was closed by somebody else. */
import type { DBSchema, IDBPDatabase, IDBPTransaction } from "idb"
import { openDB } from "idb"
import type { Meta } from "../../CacheEntry.ts"
import type { StoreErrorReason } from "../../CacheError.ts"
import type { Lease } from "../../internal/store/leases.ts"
import type { Counter, Marker } from "../../ports/store.ts"

/** A lease, and whether its owner holds a Web Lock while it has it. */
export interface LeaseRecord extends Lease {
  isLocked?: boolean
}

/** An entry without its payload: listings and the removal of the oldest read no payload. */
interface Row {
  readonly meta: Meta
  /** what it takes, its payload included */
  readonly size: number
  /** grows with every write */
  readonly order: number
}

/** What is in the database. Its keys are texts as JavaScript has them: half a surrogate pair is one too. */
export interface Schema extends DBSchema {
  entries: { key: string; value: Row; indexes: { expiresAt: number; order: number } }
  payloads: { key: string; value: Uint8Array }
  leases: { key: string; value: LeaseRecord; indexes: { dies: number } }
  markers: { key: string; value: Marker; indexes: { seq: number } }
  counters: { key: string; value: Counter; indexes: { expiresAt: number } }
  /** `seq` counts invalidations, `order` writes, `size` is that of all entries */
  numbers: { key: "seq" | "order" | "size"; value: number }
}

export type Table = "entries" | "payloads" | "leases" | "markers" | "counters" | "numbers"

export type Transaction = IDBPTransaction<Schema, Array<Table>, "readwrite">

/**
 * Changes with what is in the database. The number is in its name, not its version: a page of another release, still
 * open in some tab, keeps its own database, and holds nobody up.
 */
const format = 1

const open = (name: string, onClosed: () => void): Promise<IDBPDatabase<Schema>> =>
  openDB<Schema>(`effect-cached/${format}/${name}`, 1, {
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
    // somebody deletes the database: not to let go would hold that up
    blocking(_current, _blocked, event) {
      const database = event.target as IDBDatabase
      database.close()
      onClosed()
    },
    terminated: onClosed
  })

export interface Database {
  readonly open: () => Promise<void>
  /** runs steps as one transaction: all of them count, or none. They may await nothing but the transaction */
  readonly run: <A>(tables: ReadonlyArray<Table>, steps: (transaction: Transaction) => Promise<A>, options?: {
    readonly mode?: IDBTransactionMode
    readonly signal?: AbortSignal
  }) => Promise<A>
  readonly close: () => void
}

export const make = (name: string): Database => {
  let opened: Promise<IDBPDatabase<Schema>> | undefined
  let isClosed = false

  const database = async (): Promise<IDBPDatabase<Schema>> => {
    if (isClosed) throw new Error("the store is closed")
    if (opened !== undefined) return await opened
    // some browsers have the name without the thing
    if (globalThis.indexedDB === undefined || globalThis.indexedDB === null) {
      throw new ReferenceError("this platform has no IndexedDB, or keeps it from this page")
    }
    const forget = () => {
      if (opened === opening) opened = undefined
    }
    const opening = open(name, forget)
    opening.catch(forget)
    return await (opened = opening)
  }

  const begin = async (tables: ReadonlyArray<Table>, mode: IDBTransactionMode): Promise<Transaction> => {
    const start = (on: IDBPDatabase<Schema>) =>
      on.transaction([...tables], mode as "readwrite", { durability: "relaxed" }) as Transaction
    try {
      return start(await database())
    } catch (thrown) {
      if ((thrown as { readonly name?: unknown }).name !== "InvalidStateError") throw thrown
      // it was closed, and nobody has said so
      opened = undefined
      return start(await database())
    }
  }

  return {
    open: async () => void await database(),
    async run(tables, steps, { mode = "readwrite", signal } = {}) {
      const transaction = await begin(tables, mode)
      // a transaction that fails is told of by what failed in it
      const done = transaction.done.catch((thrown: unknown) => ({ thrown }))
      const abort = () => {
        try {
          transaction.abort()
        } catch {
          // it has ended already
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
    },
    close() {
      isClosed = true
      void opened?.then((database) => database.close(), () => {})
      opened = undefined
    }
  }
}

const reasons = new Map<unknown, StoreErrorReason>([
  ["QuotaExceededError", "Full"],
  ["SecurityError", "Denied"],
  ["NotAllowedError", "Denied"],
  // of `make`
  ["ReferenceError", "Unsupported"]
])

/** Why an operation failed, by the name of what the browser threw. */
export const reasonOf = (thrown: unknown): StoreErrorReason =>
  reasons.get((thrown as { readonly name?: unknown } | null)?.name) ?? "Unavailable"
