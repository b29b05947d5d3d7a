/** Reads and changes tag markers of the database inside a transaction. */
import { markersKept } from "../../../internal/defaults/stores.ts"
import { ofGroup, ofId, tagsOfId } from "../../../internal/store/markers/idTags.ts"
import { nextVersion } from "../../../internal/store/markers/markers.ts"
import type { InvalidationMode, Marker, Markers } from "../../../ports/store.ts"
import type { Transaction } from "../database.ts"
import * as Numbers from "./numbers.ts"

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

/** Reads markers, and creates missing ones. `dropped` lists the tags whose markers were dropped to make room. */
export const getOrMake = async (
  transaction: Transaction,
  tags: ReadonlyArray<string>,
  newVersion: () => string
): Promise<Markers & { readonly dropped: ReadonlyArray<string> }> => {
  const seq = await Numbers.get(transaction, "seq")
  const table = transaction.objectStore("markers")
  const markers: Array<Marker> = []
  for (const tag of tags) {
    const marker = await table.get(tag) ?? { version: newVersion(), seq }
    await table.put(marker, tag)
    markers.push(marker)
  }
  return { seq, markers, dropped: await dropMarkers(transaction) }
}

/** Gives tags new versions. Returns the tags whose markers were dropped to make room. */
export const invalidate = async (
  transaction: Transaction,
  tags: ReadonlyArray<string>,
  mode: InvalidationMode | undefined,
  newVersion: () => string
): Promise<ReadonlyArray<string>> => {
  const seq = await Numbers.add(transaction, "seq", 1)
  const table = transaction.objectStore("markers")
  for (const tag of tags) {
    await table.put({ version: nextVersion((await table.get(tag))?.version, mode, newVersion), seq }, tag)
  }
  return await dropMarkers(transaction)
}

/** Deletes the markers that stand for an id and its group, so entries that depend on them are invalid. */
export const endOfId = async (transaction: Transaction, id: string): Promise<void> => {
  for (const tag of tagsOfId(id)) await transaction.objectStore("markers").delete(tag)
}

/** Deletes the markers that stand for ids and their groups. */
export const endOfIds = async (transaction: Transaction): Promise<void> => {
  for (const kind of [ofId, ofGroup]) {
    await transaction.objectStore("markers").delete(IDBKeyRange.bound(kind, `${kind}\uffff`))
  }
}

const dropMarkers = async (transaction: Transaction): Promise<ReadonlyArray<string>> => {
  const table = transaction.objectStore("markers")
  const tooMany = await table.count() - markersKept
  if (tooMany <= 0) return []
  const dropped = await table.index("seq").getAllKeys(null, tooMany)
  for (const tag of dropped) await table.delete(tag)
  return dropped
}
