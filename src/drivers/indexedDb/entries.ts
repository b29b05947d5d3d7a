/** Implements the store's operations on entries, as transactions. */
import type * as Effect from "effect/Effect"
import type { Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import { holds, isLive, touched } from "../../internal/store/conditions.ts"
import { pagePrefix } from "../../internal/store/pageIds.ts"
import { aboveMaxValue } from "../../internal/store/tooLarge.ts"
import type { Change, SetRequest, Store } from "../../ports/store.ts"
import type { Transaction } from "./database.ts"
import { allTables, type IndexedDb, listing, reading, storeName, telling, writing } from "./operations.ts"
import * as Entries from "./tables/entries.ts"
import * as Leases from "./tables/leases.ts"
import * as Markers from "./tables/markers.ts"

export const get = (self: IndexedDb): Store["get"] => (id, tags) =>
  reading(self, "get", ["entries", "payloads", "markers"], async (transaction) => {
    const found = await Entries.find(transaction, id)
    const table = await Markers.versionsOf(transaction, tags)
    const versions = tags.map(table.version)
    return found === "damaged" ? { entry: undefined, versions, isDamaged: true } : { entry: found, versions }
  })

export const getMany = (self: IndexedDb): Store["getMany"] => (ids) =>
  reading(
    self,
    "getMany",
    ["entries", "payloads"],
    (transaction) => Promise.all(ids.map((id) => Entries.readable(transaction, id)))
  )

export const set = (self: IndexedDb) => ({ condition, entry, id }: SetRequest): Effect.Effect<boolean, StoreError> =>
  refusal(self, "set", id, entry) ?? telling(
    self,
    endOf(id),
    writing(self, "set", allTables, async (transaction, now) => {
      if (condition !== undefined) {
        const stored = await Entries.readable(transaction, id)
        if (!holds(condition, stored, now, await tagsOf(transaction, stored))) return false
      }
      await Leases.update(transaction, id, (leases) => leases.end(id))
      await Entries.put(transaction, id, entry, { maxSize: self.maxSize, now })
      await Markers.endOfId(transaction, id)
      return true
    })
  )

export const remove = (self: IndexedDb) => (id: string): Effect.Effect<boolean, StoreError> =>
  telling(
    self,
    endOf(id),
    writing(self, "remove", allTables, async (transaction, now) => {
      const stored = await Entries.readable(transaction, id)
      const wasLive = isLive(stored, now, await tagsOf(transaction, stored))
      await Leases.update(transaction, id, (leases) => leases.end(id))
      await Markers.endOfId(transaction, id)
      return await Entries.remove(transaction, id) && wasLive
    }),
    // Tells the id even if no entry was found: other tabs may have a copy of an entry that the browser removed.
    () => endOf(id)
  )

export const touch = (self: IndexedDb): Store["touch"] => (id, options) =>
  telling(
    self,
    changeOf(id),
    writing(self, "touch", ["entries", "payloads", "markers"], async (transaction, now) => {
      const stored = await Entries.readable(transaction, id)
      const entry = touched(stored, options, now, await tagsOf(transaction, stored))
      if (entry !== undefined) await Entries.putMeta(transaction, id, entry.meta)
      return entry !== undefined
    })
  )

export const scan = (self: IndexedDb): Store["scan"] =>
  listing(self, { operation: "scan", table: "entries", toItem: (id, { meta }) => ({ id, meta }) })

export const size = (self: IndexedDb): Store["size"] =>
  reading(self, "size", ["entries"], async (transaction) => {
    const entries = transaction.objectStore("entries")
    const pages = entries.count(IDBKeyRange.bound(pagePrefix, `${pagePrefix}\uffff`))
    return await entries.count() - await pages
  })

export const clear = (self: IndexedDb): Store["clear"] =>
  telling(self, [{ _tag: "AllChanged" }], writing(self, "clear", allTables, Entries.clear))

export const refusal = ({ maxValue }: IndexedDb, operation: "set" | "commit", id: string, entry: Stored) =>
  aboveMaxValue(storeName, operation, [{ id, entry }], maxValue)

export const changeOf = (id: string): ReadonlyArray<Change> => [{ _tag: "Changed", id }]

/** A change that also ends the markers of the id. */
const endOf = (id: string): ReadonlyArray<Change> => [{ _tag: "Changed", id, endsMarkers: true }]

const tagsOf = (transaction: Transaction, stored: Stored | undefined) =>
  Markers.versionsOf(transaction, stored?.meta.tags.map(({ tag }) => tag) ?? [])
