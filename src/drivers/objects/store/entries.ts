/** Entries: an object for each id, which holds its entry, its lease, or both. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import { holds, isLive, touched } from "../../../internal/store/conditions.ts"
import { aboveMaxValue } from "../../../internal/store/tooLarge.ts"
import type { Scanned, SetCondition, SetRequest, Store } from "../../../ports/store.ts"
import { send } from "../bucket/client.ts"
import { storeName } from "../bucket/fault.ts"
import { list } from "../bucket/list.ts"
import { type Kind, nameOf, startOf } from "../bucket/names.ts"
import { beginEra, changeInLine, type Next, type Objects, placeNow, read, type Seen } from "./objects.ts"
import { type Body, decode, entryOf, frameOf, none } from "./record.ts"
import type { Tags } from "./tags.ts"

const keyOf = (id: string) => ({ kind: "e", id }) as const

const readEntry = (self: Objects, operation: string, id: string): Effect.Effect<
  { readonly entry: Stored | undefined; readonly isDamaged: boolean },
  StoreError
> =>
  Effect.map(read(self, operation, "e", id), (seen) => {
    const entry = entryOf(seen.body)
    return { entry, isDamaged: entry === undefined && isUnreadable(seen) }
  })

/** Whether there is an object without an entry that is neither a removed entry nor a lease alone. */
export const isUnreadable = ({ body, etag }: Seen): boolean =>
  etag !== undefined && (body === undefined || body.frame.length > 0)

export const get = (self: Objects, tags: Tags): Store["get"] => (id, asked) => {
  const entry = readEntry(self, "get", id)
  const answer = (
    { entry, isDamaged }: { readonly entry: Stored | undefined; readonly isDamaged: boolean },
    versions: ReadonlyArray<string | undefined>
  ) => isDamaged ? { entry, versions, isDamaged } : { entry, versions }
  return asked.length === 0
    ? Effect.map(entry, (found) => answer(found, []))
    : Effect.zipWith(entry, tags.versions("get", asked), answer, { concurrent: true })
}

/** Encodes an entry. More tags than a frame can hold are a refusal, not a defect. */
export const encoded = (
  self: Objects,
  operation: "set" | "commit",
  id: string,
  entry: Stored
): Effect.Effect<Uint8Array, StoreError> =>
  Effect.suspend(() =>
    aboveMaxValue(storeName, operation, [{ id, entry }], self.bucket.config.maxValue) ??
      Effect.succeed(frameOf(id, entry))
  )

const isHeld = (tags: Tags, entry: Stored | undefined, now: number) =>
  Effect.map(tags.of("get", entry), (table) => isLive(entry, now, table))

export const set =
  (self: Objects, tags: Tags) => ({ condition, entry, id }: SetRequest): Effect.Effect<boolean, StoreError> =>
    Effect.flatMap(encoded(self, "set", id, entry), (frame) => {
      const written: Next<boolean> = { answer: true, write: { head: {}, frame } }
      return condition === undefined
        ? changeInLine(self, { operation: "set", ...keyOf(id), knows: "head" }, () => written)
        : changeInLine(self, { operation: "set", ...keyOf(id) }, (seen) =>
          Effect.map(
            accepts(tags, condition, entryOf(seen.body)),
            (isAccepted) => isAccepted ? written : { answer: false }
          ))
    })

const accepts = (tags: Tags, condition: SetCondition, entry: Stored | undefined) =>
  Effect.flatMap(
    tags.of("set", entry),
    (table) =>
      Effect.clockWith((clock) => Effect.succeed(holds(condition, entry, clock.currentTimeMillisUnsafe(), table)))
  )

/**
 * Leaves an object without an entry in place of a removed one. It refuses a write that arrives late, and a `commit`
 * whose generation has ended.
 */
export const remove = (self: Objects, tags: Tags) => (id: string): Effect.Effect<boolean, StoreError> =>
  changeInLine(self, { operation: "remove", ...keyOf(id) }, (seen) => {
    const isEmpty = seen.etag === undefined
      ? !self.doubtful.has(seen.name)
      : seen.body !== undefined && seen.body.frame.length === 0 && seen.body.head.lease === undefined
    if (isEmpty) return { answer: false }
    return Effect.clockWith((clock) =>
      Effect.map(
        isHeld(tags, entryOf(seen.body), clock.currentTimeMillisUnsafe()),
        (answer) => ({ answer, write: { head: {}, frame: none } })
      )
    )
  }, "removal")

export const touch = (self: Objects, tags: Tags): Store["touch"] => (id, options) =>
  changeInLine(self, { operation: "touch", ...keyOf(id) }, (seen) => {
    const entry = entryOf(seen.body)
    return Effect.flatMap(
      tags.of("touch", entry),
      (table) =>
        Effect.map(Clock.currentTimeMillis, (now): Next<boolean> => {
          const next = touched(entry, options, now, table)
          return next === undefined
            ? { answer: false }
            : { answer: true, write: { head: { lease: seen.body!.head.lease }, frame: frameOf(id, next) } }
        })
    )
  })

/** Lists the objects of a kind, page by page, and reads each of them. */
export const listed = (
  self: Objects,
  operation: string,
  kind: Kind,
  prefix: string
): Stream.Stream<Body, StoreError> =>
  Stream.unwrap(Effect.map(
    placeNow(self, operation, kind),
    (place) => place === undefined ? Stream.empty : listedAt(self, operation, place, prefix)
  ))

const listedAt = ({ bucket }: Objects, operation: string, place: string, prefix: string) =>
  list(bucket, operation, startOf(place, prefix)).pipe(
    Stream.mapEffect(
      (name) =>
        Effect.map(send(bucket, { operation, method: "GET", name }, [404]), ({ body, status }) => {
          const found = status === 404 ? undefined : decode(body)
          // An object that was copied to another name is not the one of its id.
          return found !== undefined && found.head.id.startsWith(prefix) && nameOf(place, found.head.id) === name
            ? found
            : undefined
        }),
      { concurrency: Defaults.concurrency }
    ),
    Stream.filter((body) => body !== undefined)
  )

export const scan = (self: Objects): Store["scan"] => ({ prefix = "" } = {}) =>
  listed(self, "scan", "e", prefix).pipe(
    Stream.map((body): Scanned | undefined => {
      const entry = entryOf(body)
      return entry && { id: body.head.id, meta: entry.meta }
    }),
    Stream.filter((one) => one !== undefined)
  )

/** A lease is in the object of its id, so this reads as many objects as a listing of entries. */
export const scanLoads = (self: Objects): Store["scanLoads"] => ({ prefix = "" } = {}) =>
  listed(self, "scanLoads", "e", prefix).pipe(
    Stream.filter(({ head }) => head.lease !== undefined),
    Stream.map(({ head }) => head.id)
  )

/** A load under way then finds no lease, so its result is refused. */
export const clear = (self: Objects): Store["clear"] => Effect.asVoid(beginEra(self, "clear"))
