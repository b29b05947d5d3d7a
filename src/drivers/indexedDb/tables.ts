/** The steps of the store inside a transaction. */
import type { Meta, Stored } from "../../CacheEntry.ts"
import { markersKept } from "../../internal/defaults/stores.ts"
import * as Leases from "../../internal/store/leases.ts"
import { nextVersion } from "../../internal/store/markers/markers.ts"
import type { SyncCounters, SyncLeases } from "../../ports/storage.ts"
import type { Counter, InvalidationMode, Marker, Markers } from "../../ports/store.ts"
import type { LeaseRecord, Schema, Transaction } from "./database.ts"

/** What an entry takes beside its payload, its id and its tags: about. */
const rowSize = 500

const sizeOf = (id: string, { meta, payload }: Stored): number =>
  rowSize + payload.length + 2 * id.length + meta.tags.reduce((size, { tag }) => size + 2 * tag.length + 32, 0)

type Numbers = Schema["numbers"]["key"]

const numberOf = async (transaction: Transaction, name: Numbers): Promise<number> =>
  await transaction.objectStore("numbers").get(name) ?? 0

const add = async (transaction: Transaction, name: Numbers, by: number): Promise<number> => {
  const sum = await numberOf(transaction, name) + by
  await transaction.objectStore("numbers").put(sum, name)
  return sum
}

// ---------------------------------------------------------------------------------------------------------------------
// entries
// ---------------------------------------------------------------------------------------------------------------------

/** The entry of an id, `"damaged"` where somebody else has changed it. */
export const find = async (transaction: Transaction, id: string): Promise<Stored | "damaged" | undefined> => {
  const [row, payload] = await Promise.all([
    transaction.objectStore("entries").get(id),
    transaction.objectStore("payloads").get(id)
  ])
  if (row === undefined) return undefined
  const isWhole = payload instanceof Uint8Array && typeof row.meta?.writeId === "string" && Array.isArray(row.meta.tags)
  return isWhole ? { meta: row.meta, payload } : "damaged"
}

/** As `find`; what cannot be read is none. */
export const readable = async (transaction: Transaction, id: string): Promise<Stored | undefined> => {
  const found = await find(transaction, id)
  return found === "damaged" ? undefined : found
}

/** Writes an entry, and removes others where all of them take more than `maxSize`. */
export const put = async (transaction: Transaction, id: string, entry: Stored, limits: {
  readonly maxSize: number
  readonly now: number
}): Promise<void> => {
  const entries = transaction.objectStore("entries")
  const former = await entries.get(id)
  const size = sizeOf(id, entry)
  const order = await add(transaction, "order", 1)
  await Promise.all([
    entries.put({ meta: entry.meta, size, order }, id),
    // bytes of its own: a view would be stored with all that lies beside it
    transaction.objectStore("payloads").put(entry.payload.slice(), id)
  ])
  const all = await add(transaction, "size", size - (former?.size ?? 0))
  if (order % tidyEvery === 0) await tidy(transaction, limits.now)
  if (all > limits.maxSize) await makeRoom(transaction, { ...limits, to: limits.maxSize * 0.9, but: id })
}

/** Replaces the metadata of an entry. */
export const putMeta = async (transaction: Transaction, id: string, meta: Meta): Promise<void> => {
  const entries = transaction.objectStore("entries")
  const row = await entries.get(id)
  if (row !== undefined) await entries.put({ ...row, meta }, id)
}

export const remove = async (transaction: Transaction, id: string): Promise<boolean> => {
  const row = await transaction.objectStore("entries").get(id)
  if (row === undefined) return false
  await drop(transaction, id)
  await add(transaction, "size", -row.size)
  return true
}

const drop = async (transaction: Transaction, id: string): Promise<void> => {
  await Promise.all([
    transaction.objectStore("entries").delete(id),
    transaction.objectStore("payloads").delete(id)
  ])
}

export const clear = async (transaction: Transaction): Promise<void> => {
  for (const table of ["entries", "payloads", "leases", "counters"] as const) {
    await transaction.objectStore(table).clear()
  }
  await transaction.objectStore("numbers").delete("size")
}

/** Removes what has expired, then what was written first, until all entries take no more than `to`. */
const makeRoom = async (transaction: Transaction, { but, now, to }: {
  readonly now: number
  readonly to: number
  readonly but?: string
}): Promise<void> => {
  let size = await numberOf(transaction, "size")
  const entries = transaction.objectStore("entries")
  const indexes = [["expiresAt", IDBKeyRange.upperBound(now)], ["order", null]] as const
  for (const [index, range] of indexes) {
    let cursor = await entries.index(index).openCursor(range)
    while (cursor !== null && size > to) {
      if (cursor.primaryKey !== but) {
        size -= cursor.value.size
        await drop(transaction, cursor.primaryKey)
      }
      cursor = await cursor.continue()
    }
  }
  await transaction.objectStore("numbers").put(size, "size")
}

/** Half of what there is leaves, where the browser has no room for more. */
export const halve = async (transaction: Transaction, now: number): Promise<void> =>
  await makeRoom(transaction, { now, to: await numberOf(transaction, "size") / 2 })

/** how many writes there are between two looks for what has expired, and how much one removes of a kind */
const tidyEvery = 64
const tidyAtMost = 256

const tidy = async (transaction: Transaction, now: number): Promise<void> => {
  const past = IDBKeyRange.upperBound(now)
  const expired = await transaction.objectStore("entries").index("expiresAt").getAllKeys(past, tidyAtMost)
  for (const id of expired) await remove(transaction, id)
  for (const id of await transaction.objectStore("leases").index("dies").getAllKeys(past, tidyAtMost)) {
    await transaction.objectStore("leases").delete(id)
  }
  for (const name of await transaction.objectStore("counters").index("expiresAt").getAllKeys(past, tidyAtMost)) {
    await transaction.objectStore("counters").delete(name)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// leases
// ---------------------------------------------------------------------------------------------------------------------

/** A step of the rules of leases (`internal/store/leases.ts`) on the record of one id. */
export const withLease = async <A>(
  transaction: Transaction,
  id: string,
  step: (leases: SyncLeases, recordOf: () => LeaseRecord | undefined) => A
): Promise<A> => {
  const records = transaction.objectStore("leases")
  const before = await records.get(id)
  const table = new Map<string, LeaseRecord>(before === undefined ? [] : [[id, before]])
  const answer = step(Leases.make(table), () => table.get(id))
  const after = table.get(id)
  if (after !== undefined) await records.put(after, id)
  else if (before !== undefined) await records.delete(id)
  return answer
}

// ---------------------------------------------------------------------------------------------------------------------
// markers
// ---------------------------------------------------------------------------------------------------------------------

/** The markers of tags as a table that answers at once. */
export const versionsOf = async (
  transaction: Transaction,
  tags: ReadonlyArray<string>
): Promise<{ readonly version: (tag: string) => string | undefined }> => {
  const markers = transaction.objectStore("markers")
  const found = new Map(
    await Promise.all(tags.map(async (tag) => [tag, (await markers.get(tag))?.version] as const))
  )
  return { version: (tag) => found.get(tag) }
}

export const seqOf = (transaction: Transaction): Promise<number> => numberOf(transaction, "seq")

/** The markers of tags, made where there are none; and the tags whose markers had to go for that. */
export const markersOf = async (
  transaction: Transaction,
  tags: ReadonlyArray<string>,
  newVersion: () => string
): Promise<Markers & { readonly dropped: ReadonlyArray<string> }> => {
  const seq = await seqOf(transaction)
  const table = transaction.objectStore("markers")
  const markers: Array<Marker> = []
  for (const tag of tags) {
    const marker = await table.get(tag) ?? { version: newVersion(), seq }
    await table.put(marker, tag)
    markers.push(marker)
  }
  return { seq, markers, dropped: await dropMarkers(transaction) }
}

/** Gives tags new versions; answers the tags whose markers had to go for that. */
export const invalidate = async (
  transaction: Transaction,
  tags: ReadonlyArray<string>,
  mode: InvalidationMode | undefined,
  newVersion: () => string
): Promise<ReadonlyArray<string>> => {
  const seq = await add(transaction, "seq", 1)
  const table = transaction.objectStore("markers")
  for (const tag of tags) {
    await table.put({ version: nextVersion((await table.get(tag))?.version, mode, newVersion), seq }, tag)
  }
  return await dropMarkers(transaction)
}

const dropMarkers = async (transaction: Transaction): Promise<ReadonlyArray<string>> => {
  const table = transaction.objectStore("markers")
  const tooMany = await table.count() - markersKept
  if (tooMany <= 0) return []
  const dropped = await table.index("seq").getAllKeys(null, tooMany)
  for (const tag of dropped) await table.delete(tag)
  return dropped
}

// ---------------------------------------------------------------------------------------------------------------------
// counters
// ---------------------------------------------------------------------------------------------------------------------

/** A step of the rules of counters (`internal/store/counters.ts`) on one counter. */
export const withCounter = async <A>(
  transaction: Transaction,
  name: string,
  step: (counters: SyncCounters) => A
): Promise<A> => {
  const records = transaction.objectStore("counters")
  const before: Counter | undefined = await records.get(name)
  let after = before
  const set = (counter: Counter | undefined): boolean => {
    after = counter
    return before !== undefined
  }
  const answer = step({
    get: () => before,
    set: (_, counter) => void set(counter),
    remove: () => set(undefined),
    clear: () => void set(undefined)
  })
  if (after !== undefined && after !== before) await records.put(after, name)
  else if (after === undefined && before !== undefined) await records.delete(name)
  return answer
}
