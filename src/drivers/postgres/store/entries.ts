/** Writes, removes and lists entries. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { idOf, inSteps, type Item } from "../../../internal/store/many.ts"
import { aboveMaxValue } from "../../../internal/store/tooLarge.ts"
import type { Scanned, SetCondition, SetRequest, Store } from "../../../ports/store.ts"
import { ask, type Params, type Row } from "../../shared/sql/client.ts"
import { storeName } from "../../shared/sql/fault.ts"
import { keyOf, named, nameOf, rangeOf } from "../session/names.ts"
import { inOrder, note, noteEntries, type Session } from "../session/session.ts"
import { columnsOf, decode, keysOf, markersOf, outcomesOf, placed, wholesOf } from "./rows.ts"

/** The parameters that write entries of different ids. */
export const putting = (self: Session, requests: ReadonlyArray<SetRequest>, now: number): Params => {
  const all = placed(requests)
  return [
    self.origin,
    keysOf(all),
    wholesOf(all),
    ...columnsOf(self, all.map(({ item }) => item), now),
    markersOf(requests.map(idOf))
  ]
}

/** Divides items, in their order, into groups in which no id occurs twice, and whose items fit the first one. */
export const withoutRepeats = <A>(
  items: ReadonlyArray<A>,
  idOf: (item: A) => string,
  fits: (first: A, item: A) => boolean = () => true
): ReadonlyArray<Array<A>> => {
  const groups: Array<Array<A>> = []
  let seen = new Set<string>()
  for (const item of items) {
    const last = groups.at(-1)
    const id = idOf(item)
    if (last === undefined || seen.has(id) || !fits(last[0]!, item)) {
      groups.push([item])
      seen = new Set([id])
    } else {
      last.push(item)
      seen.add(id)
    }
  }
  return groups
}

/** Runs an operation on groups of items without repeated ids. `step` returns an answer for each item, in order. */
export const inGroups = <A extends Item, B>(
  items: ReadonlyArray<A>,
  step: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, StoreError>
): Effect.Effect<ReadonlyArray<B>, StoreError> =>
  inSteps(items, (some) => {
    const groups = withoutRepeats(some, idOf)
    return groups.length === 1
      ? step(groups[0]!)
      : Effect.map(Effect.forEach(groups, (group) => step(group)), (answers) => answers.flat())
  })

const put = (self: Session, requests: ReadonlyArray<SetRequest>, now: number) => {
  const ids = requests.map(idOf)
  return inOrder(
    self.writes,
    ids,
    Effect.map(ask(self, "set", self.statements.put, putting(self, requests, now)), () => {
      noteEntries(self, ids)
      return ids.map(() => true)
    })
  )
}

const putIf = (self: Session, request: SetRequest, condition: SetCondition, now: number) => {
  const { id } = request
  const { key, whole } = named(id)
  const [frames, softs, expires, lives] = columnsOf(self, [request], now)
  const write = condition._tag === "IfUnchanged" ? Buffer.from(condition.writeId, "hex") : Buffer.alloc(0)
  const params = [
    ...[self.origin, key, whole, frames![0], softs![0], expires![0], lives![0], markersOf([id])],
    ...[condition._tag, write, String(now)]
  ]
  return inOrder(
    self.writes,
    [id],
    Effect.map(ask(self, "set", self.statements.put_if, params), ([row]) => {
      const isSet = row?.[0] === true
      if (isSet) noteEntries(self, [id])
      return [isSet]
    })
  )
}

export const set = (self: Session): Store["set"] => (requests) =>
  inGroups(requests, (some) =>
    Effect.clockWith((clock) => {
      const refused = aboveMaxValue(storeName, "set", some, self.maxValue)
      if (refused !== undefined) return Effect.fail(refused)
      const now = clock.currentTimeMillisUnsafe()
      const [first] = some as readonly [SetRequest]
      if (some.length === 1 && first.condition !== undefined) return putIf(self, first, first.condition, now)
      return some.every(({ condition }) => condition === undefined)
        ? put(self, some, now)
        : Effect.map(Effect.forEach(some, (one) => set(self)([one])), (answers) => answers.flat())
    }))

export const removing = (self: Session, ids: ReadonlyArray<string>, now: number): Params => {
  const all = placed(ids)
  return [self.origin, keysOf(all), wholesOf(all), markersOf(ids), String(now)]
}

export const remove = (self: Session): Store["remove"] => (ids) =>
  inGroups(ids, (some) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const asked = ask(self, "remove", self.statements.remove, removing(self, some, now))
      return inOrder(
        self.writes,
        some,
        Effect.map(asked, (rows) => {
          noteEntries(self, some)
          return outcomesOf(some, rows)
        })
      )
    }))

export const touching = (
  self: Session,
  id: string,
  options: Parameters<Store["touch"]>[1],
  at: { readonly now: number; readonly isDurable: boolean }
): Params => {
  const { key, whole } = named(id)
  const { expiresAt, isConstant = false, softExpiresAt, writeId = "" } = options
  return [
    ...[self.origin, key, whole, Buffer.from(writeId, "hex"), isConstant, String(softExpiresAt), String(expiresAt)],
    ...[String(at.now), at.isDurable]
  ]
}

export const touch = (self: Session): Store["touch"] => (id, options) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    // A read may be forgotten by a crash of the server, but not a deadline that was set by hand.
    const params = touching(self, id, options, { now, isDurable: options.writeId === undefined })
    return inOrder(
      self.writes,
      [id],
      Effect.map(ask(self, "touch", self.statements.touch, params), ([row]) => row?.[0] === true)
    )
  })

/** Lists a table by pages, in the order of its keys. `null` as the key before the first page stands for none. */
export const paged = <A>(
  prefix: string,
  read: (after: Uint8Array | null, range: ReturnType<typeof rangeOf>) => Effect.Effect<ReadonlyArray<Row>, StoreError>,
  toItems: (rows: ReadonlyArray<Row>) => Effect.Effect<ReadonlyArray<A>, StoreError>
): Stream.Stream<A, StoreError> =>
  Stream.paginate(null as Uint8Array | null, (after) =>
    Effect.flatMap(read(after, rangeOf(prefix)), (rows) => {
      const next = rows.length < Defaults.page.rows ? undefined : rows[rows.length - 1]![0] as Uint8Array
      const wanted = rows.filter((row) => nameOf(row[0], row[1]).startsWith(prefix))
      return Effect.map(toItems(wanted), (items) => [items, Option.fromUndefinedOr(next)] as const)
    }))

export const scan = (self: Session): Store["scan"] => ({ prefix = "" } = {}) =>
  paged(
    prefix,
    (after, { from, to }) =>
      ask(self, "scan", self.statements.scan, [after, from, to, Defaults.page.bytes, Defaults.page.rows]),
    (rows) =>
      Effect.map(Effect.forEach(rows, (row) => listed(self, row)), (all) => all.filter((one) => one !== undefined))
  )

export const scanLoads = (self: Session): Store["scanLoads"] => ({ prefix = "" } = {}) =>
  paged(
    prefix,
    (after, { from, to }) => ask(self, "scanLoads", self.statements.scanLoads, [after, from, to, Defaults.page.rows]),
    (rows) => Effect.succeed(rows.map((row) => nameOf(row[0], row[1])))
  )

/** A large value is not sent with its page, but alone. */
const listed = (self: Session, row: Row): Effect.Effect<Scanned | undefined, StoreError> => {
  const id = nameOf(row[0], row[1])
  const of = (row: Row, at: number): Scanned | undefined => {
    const stored = decode(id, row, at)
    return stored === undefined ? undefined : { id, meta: stored.meta }
  }
  if (row[3] !== null) return Effect.succeed(of(row, 3))
  return Effect.map(ask(self, "scan", self.statements.read, [keyOf(id)]), ([row]) => row && of(row, 1))
}

export const size = (self: Session): Store["size"] =>
  Effect.suspend(() => Effect.map(ask(self, "size", self.statements.size, []), ([row]) => Number(row![0])))

export const clear = (self: Session): Store["clear"] =>
  Effect.suspend(() =>
    Effect.map(ask(self, "clear", self.statements.clear, [self.origin]), () => note(self, [{ _tag: "All" }]))
  )
