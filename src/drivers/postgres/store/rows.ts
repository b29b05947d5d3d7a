/** Encodes entries for the store, and decodes its rows. */
import { crc32 } from "node:zlib"
import type { Meta, Stored } from "../../../CacheEntry.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import { idOf, type Item } from "../../../internal/store/many.ts"
import { tagsOfId } from "../../../internal/store/markers/idTags.ts"
import type { SetRequest } from "../../../ports/store.ts"
import { noteWrite } from "../../shared/room.ts"
import type { Row } from "../../shared/sql/client.ts"
import { compare, keyOf, type Named, named } from "../session/names.ts"
import { numbers, type Session } from "../session/session.ts"

interface Placed<A> extends Named {
  readonly index: number
  readonly item: A
}

/** Names items by their ids, in the order of their keys: all steps lock rows in this order. */
export const placed = <A extends Item>(items: ReadonlyArray<A>): ReadonlyArray<Placed<A>> =>
  items.map((item, index) => ({ ...named(idOf(item)), index, item })).sort(compare)

/** Whether each item is among the rows, which name items by their position in the order of keys. */
export const outcomesOf = (items: ReadonlyArray<Item>, rows: ReadonlyArray<Row>) => {
  const all = placed(items)
  const outcomes = items.map(() => false)
  for (const [n] of rows) outcomes[all[Number(n) - 1]!.index] = true
  return outcomes
}

export const keysOf = (all: ReadonlyArray<Named>): ReadonlyArray<Uint8Array> => all.map(({ key }) => key)

export const wholesOf = (all: ReadonlyArray<Named>): ReadonlyArray<Uint8Array> => all.map(({ whole }) => whole)

/** The keys of the markers that stand for ids. */
export const markersOf = (ids: ReadonlyArray<string>): ReadonlyArray<Uint8Array> =>
  Array.from(new Set(ids.flatMap(tagsOfId)), keyOf)

/** The columns of entries: frames, soft and hard deadlines, and the times that they have left. */
export const columnsOf = ({ room }: Session, requests: ReadonlyArray<SetRequest>, now: number) => [
  requests.map(({ entry, id }) => {
    const frame = Frame.encode(id, entry, crc32)
    noteWrite(room, frame.length)
    return frame
  }),
  numbers(requests.map(({ entry }) => entry.meta.softExpiresAt)),
  numbers(requests.map(({ entry }) => entry.meta.expiresAt)),
  numbers(requests.map(({ entry }) => entry.meta.expiresAt - now))
]

/** Decodes the columns of an entry. Returns `undefined` for one that cannot be read. */
export const decode = (id: string, row: Row, at: number): Stored | undefined => {
  const frame = row[at]
  if (!(frame instanceof Uint8Array)) return undefined
  const stored = Frame.decode(id, frame, crc32)
  const soft = row[at + 1]
  if (stored === undefined || typeof soft !== "number") return stored
  const { isConstant, ...meta } = stored.meta
  const touched: Meta = { ...meta, softExpiresAt: soft, expiresAt: Number(row[at + 2]) }
  return { meta: row[at + 3] === true ? { ...touched, isConstant: true } : touched, payload: stored.payload }
}
