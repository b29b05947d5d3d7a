/**
 * A store on SQLite, for one process at a time: a lease takes several steps, and a database at the edge has no atomic
 * statement for them. Counters take one statement, and so they are exact for all processes.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { crc32 } from "node:zlib"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { aboveMaxValue } from "../../../internal/store/tooLarge.ts"
import { chunksOf } from "../../../internal/time/chunks.ts"
import { map } from "../../../internal/time/turns.ts"
import type { Storage } from "../../../ports/storage.ts"
import * as Store from "../../../ports/stores.ts"
import * as Room from "../../shared/room.ts"
import { ask, type Params, type Row } from "../../shared/sql/client.ts"
import * as Counters from "../../shared/sql/counters.ts"
import { storeName } from "../../shared/sql/fault.ts"
import type { Edge } from "./open.ts"
import { rowsOfStep } from "./statements.ts"

/** JSON escapes what UTF-8 cannot encode, and zeros, at which SQLite would cut a text. No key is empty. */
const toKey = (text: string): string => JSON.stringify(text).slice(0, -1)

const fromKey = (key: unknown): string | undefined => {
  try {
    const text: unknown = JSON.parse(`${String(key)}"`)
    return typeof text === "string" ? text : undefined
  } catch {
    return undefined
  }
}

/** Clients return bytes in different forms. */
const toBytes = (value: unknown): Uint8Array | undefined => {
  if (value instanceof Uint8Array) return value
  return value instanceof ArrayBuffer || Array.isArray(value) ? new Uint8Array(value) : undefined
}

const toColumn = (deadline: number): number | null => deadline === Infinity ? null : deadline

/** Decodes an entry. One that cannot be read is none. */
export const decode = (id: string, frame: unknown): Stored | undefined => {
  const bytes = toBytes(frame)
  return bytes && Frame.decode(id, bytes, crc32)
}

const asked = (self: Edge, operation: string, statement: string, params: Params = []) =>
  ask(self, operation, statement, params)

/** Decodes an entry that a reader gets, and notes its use. */
const read = ({ room }: Edge, id: string, [frame, usedAt]: Row, now: number): Stored | undefined => {
  const entry = decode(id, frame)
  if (entry !== undefined && room.maxSize < Infinity) Room.noteUse(room, id, entry.meta, now - Number(usedAt))
  return entry
}

const reads = (self: Edge): Pick<Storage, "get" | "getMany"> => ({
  get: (id) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.map(
        asked(self, "get", self.statements.read, [toKey(id)]),
        ([row]) => row && read(self, id, row, now)
      )),
  getMany: (ids) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.map(
        Effect.forEach(chunksOf(ids, Defaults.edge.idsOfStatement), (some) =>
          Effect.gen(function*() {
            const rows = yield* asked(self, "getMany", self.statements.readMany, [JSON.stringify(some.map(toKey))])
            const found = new Map(rows.map((row) => [row[0], row]))
            return yield* map(some, (id) => {
              const row = found.get(toKey(id))
              return row && read(self, id, row.slice(1), now)
            })
          })),
        (all) => all.flat()
      ))
})

const write = (self: Edge): Storage["set"] => (id, entry) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { maxValue, room, statements } = self
    const refused = aboveMaxValue(storeName, "set", [{ id, entry }], maxValue)
    if (refused !== undefined) return Effect.fail(refused)
    const frame = Frame.encode(id, entry, crc32)
    Room.noteWrite(room, frame.length)
    const params = [toKey(id), frame, toColumn(entry.meta.expiresAt), now, frame.length]
    return Effect.asVoid(asked(self, "set", statements.put, params))
  })

/** Lists a table by pages in the order of its keys, in which those with a prefix lie together. */
const paged = <A>(
  prefix: string,
  page: (from: string, after: string) => Effect.Effect<ReadonlyArray<Row>, StoreError>,
  toItem: (name: string, row: Row) => Effect.Effect<A | undefined, StoreError>
): Stream.Stream<A, StoreError> => {
  // The first half of a character that has two is not a prefix of the key.
  const from = toKey(prefix.replace(/[\ud800-\udbff]$/, ""))
  return Stream.paginate("", (after) =>
    Effect.gen(function*() {
      const rows = yield* page(from, after)
      const keys = rows.map(([key]) => String(key))
      const items: Array<A> = []
      for (const [i, key] of keys.entries()) {
        const name = fromKey(key)
        const item = name?.startsWith(prefix) === true ? yield* toItem(name, rows[i]!) : undefined
        if (item !== undefined) items.push(item)
      }
      const last = keys[keys.length - 1]
      const isEnd = rows.length < Defaults.page.rows || !last!.startsWith(from)
      return [items, isEnd ? Option.none() : Option.some(last!)] as const
    }))
}

const lists = (self: Edge): Pick<Storage, "scan" | "size" | "clear"> => {
  const { statements } = self
  const { bytes, rows } = Defaults.page
  return {
    scan: ({ prefix = "" } = {}) =>
      paged(prefix, (from, after) => asked(self, "scan", statements.scan, [bytes, from, after, rows]), (id, row) => {
        const scanned = (frame: unknown) => {
          const entry = decode(id, frame)
          return entry && { id, meta: entry.meta }
        }
        return row[1] === null
          ? Effect.map(asked(self, "scan", statements.read, [toKey(id)]), ([row]) => row && scanned(row[0]))
          : Effect.succeed(scanned(row[1]))
      }),
    size: Effect.suspend(() => Effect.map(asked(self, "size", statements.size), ([row]) => Number(row![0]))),
    clear: Effect.gen(function*() {
      const [last] = yield* asked(self, "clear", statements.last)
      const some = asked(self, "clear", statements.removeUpTo, [Number(last![0])])
      while ((yield* some).length === rowsOfStep) yield* Effect.yieldNow
      yield* asked(self, "clear", statements.clearCounters)
    })
  }
}

const counters = (self: Edge): NonNullable<Storage["counters"]> => {
  const { statements } = self
  return {
    ...Counters.operations(self, {
      counter: (name, now) => [toKey(name), now],
      increment: (name, by, expiresAt, now) => [toKey(name), by, toColumn(expiresAt), now, now, now],
      touchCounter: (name, expiresAt, now) => [toColumn(expiresAt), toKey(name), now],
      removeCounter: (name, now) => [toKey(name), now]
    }),
    scanCounters: ({ prefix = "" } = {}) =>
      paged(
        prefix,
        (from, after) => asked(self, "scanCounters", statements.scanCounters, [from, after, Defaults.page.rows]),
        (name, row) => Effect.succeed({ name, value: Number(row[1]), expiresAt: Counters.fromColumn(row[2]) })
      )
  }
}

const stepsOf = (self: Edge): Room.Steps<StoreError> => {
  const { statements } = self
  const step = (statement: string, params?: Params) => asked(self, "tidy", statement, params)
  return {
    // Another process would only remove more.
    takeTurn: Effect.succeed(true),
    endTurn: Effect.void,
    removeExpired: Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const entries = yield* step(statements.removeExpired, [now])
      const counters = yield* step(statements.removeExpiredCounters, [now])
      return Math.max(entries.length, counters.length) === rowsOfStep
    }),
    measure: Effect.map(step(statements.measure), ([row]) => Number(row![0])),
    removeOldest: (bytes) =>
      Effect.map(
        step(statements.removeOldest, [bytes]),
        (rows) => rows.reduce((sum, [size]) => sum + Number(size), 0)
      )
  }
}

export const storeOver = Effect.fnUntraced(function*(self: Edge): Effect.fn.Return<Store.Store, never, Scope.Scope> {
  const { room, statements } = self
  yield* Effect.forkScoped(Room.keeping(room, stepsOf(self)))
  yield* Effect.forkScoped(Room.telling(room, (uses) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => asked(self, "get", statements.use, [now, JSON.stringify(Array.from(uses.keys(), toKey))])
    )))
  return Store.make({
    name: storeName,
    capabilities: { lasting: true },
    ...reads(self),
    set: write(self),
    remove: (id) => Effect.map(asked(self, "remove", statements.remove, [toKey(id)]), (rows) => rows.length > 0),
    ...lists(self),
    counters: counters(self)
  })
})
