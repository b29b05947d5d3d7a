/** Reads, writes and evicts entries of the database inside a transaction. */
import type { Meta, Stored } from "../../../CacheEntry.ts"
import type { Transaction } from "../database.ts"
import * as Markers from "./markers.ts"
import * as Numbers from "./numbers.ts"

/** The approximate size of an entry in bytes, without its payload, id and tags. */
const rowSize = 500

const sizeOf = (id: string, { meta, payload }: Stored): number =>
  rowSize + payload.length + 2 * id.length + meta.tags.reduce((size, { tag }) => size + 2 * tag.length + 32, 0)

/** Reads an entry. Returns `"damaged"` if another program has changed the entry's records. */
export const find = async (transaction: Transaction, id: string): Promise<Stored | "damaged" | undefined> => {
  const [row, payload] = await Promise.all([
    transaction.objectStore("entries").get(id),
    transaction.objectStore("payloads").get(id)
  ])
  if (row === undefined) return undefined
  const isWhole = payload instanceof Uint8Array && typeof row.meta?.writeId === "string" && Array.isArray(row.meta.tags)
  return isWhole ? { meta: row.meta, payload } : "damaged"
}

/** Reads an entry. A damaged entry counts as missing. */
export const readable = async (transaction: Transaction, id: string): Promise<Stored | undefined> => {
  const found = await find(transaction, id)
  return found === "damaged" ? undefined : found
}

/** Writes an entry, and evicts other entries if the total size exceeds `maxSize`. */
export const put = async (transaction: Transaction, id: string, entry: Stored, limits: {
  readonly maxSize: number
  readonly now: number
}): Promise<void> => {
  const entries = transaction.objectStore("entries")
  const former = await entries.get(id)
  const size = sizeOf(id, entry)
  const order = await Numbers.add(transaction, "order", 1)
  await Promise.all([
    entries.put({ meta: entry.meta, size, order }, id),
    // Stores a copy, because a view would be stored together with its whole buffer.
    transaction.objectStore("payloads").put(entry.payload.slice(), id)
  ])
  const all = await Numbers.add(transaction, "size", size - (former?.size ?? 0))
  if (order % tidyEvery === 0) await tidy(transaction, limits.now)
  if (all > limits.maxSize) await makeRoom(transaction, { ...limits, to: limits.maxSize * 0.9, but: id })
}

export const putMeta = async (transaction: Transaction, id: string, meta: Meta): Promise<void> => {
  const entries = transaction.objectStore("entries")
  const row = await entries.get(id)
  if (row !== undefined) await entries.put({ ...row, meta }, id)
}

export const remove = async (transaction: Transaction, id: string): Promise<boolean> => {
  const row = await transaction.objectStore("entries").get(id)
  if (row === undefined) return false
  await drop(transaction, id)
  await Numbers.add(transaction, "size", -row.size)
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
  await Markers.endOfIds(transaction)
  await transaction.objectStore("numbers").delete("size")
}

/** Evicts expired entries, then the entries written longest ago, until the total size is at most `to`. */
const makeRoom = async (transaction: Transaction, { but, now, to }: {
  readonly now: number
  readonly to: number
  readonly but?: string
}): Promise<void> => {
  let size = await Numbers.get(transaction, "size")
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

export const halve = async (transaction: Transaction, now: number): Promise<void> =>
  await makeRoom(transaction, { now, to: await Numbers.get(transaction, "size") / 2 })

/** The number of writes between two removals of expired records. Each removal deletes at most 256 of each kind. */
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
