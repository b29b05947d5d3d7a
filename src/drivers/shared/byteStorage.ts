/**
 * Stores over storages of plain bytes, which have no metadata and their own rules for keys. A value is a frame with its
 * id as the head. So a listing finds the ids, and a value that another id has under the same key is a miss.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Stored } from "../../CacheEntry.ts"
import { StoreError } from "../../CacheError.ts"
import { isWellFormed } from "../../internal/codec/bytes.ts"
import { crc32 } from "../../internal/codec/crc32.ts"
import * as Frame from "../../internal/codec/frame.ts"
import { byteStorages } from "../../internal/defaults/stores.ts"
import { hash } from "../../internal/key/id.ts"
import * as Store from "../../ports/stores.ts"
import * as Headed from "./headed.ts"

/** A storage of bytes. The error of a failed operation becomes the cause of a `StoreError`. */
interface ByteStorage {
  readonly name: string
  readonly get: (key: string) => Effect.Effect<Uint8Array | undefined, unknown>
  /** Writes a value, which the storage may remove after `leftMillis` (`undefined`: never). */
  readonly set: (key: string, value: Uint8Array, leftMillis: number | undefined) => Effect.Effect<void, unknown>
  /** Removes a value, and returns whether there was one. */
  readonly remove: (key: string) => Effect.Effect<boolean, unknown>
  /** Lists the values, or their keys. */
  readonly list: Stream.Stream<Uint8Array | string | undefined, unknown> | undefined
  /** Removes everything. By default, all that `list` finds is removed. */
  readonly clear?: Effect.Effect<void, unknown> | undefined
}

/** Runs an operation of a library that works with promises. */
export const promised = <A>(run: () => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: run, catch: (error) => error })

export const make = (storage: ByteStorage): Store.Store => {
  const { clear, list, name } = storage
  const faultOf = (operation: string) => (cause: unknown): StoreError =>
    cause instanceof StoreError ? cause : new StoreError({ store: name, operation, reason: "Unavailable", cause })
  const asked = <A>(operation: string, effect: Effect.Effect<A, unknown>): Effect.Effect<A, StoreError> =>
    Effect.mapError(effect, faultOf(operation))
  return Store.make({
    name,
    // The markers of tags are kept in the storage too, whether it outlives the process or not.
    capabilities: { lasting: true },
    get: (id) =>
      asked(
        "get",
        Effect.map(storage.get(keyOf(id)), (value) => {
          const found = value && Headed.decode(value, String)
          return found && read(id, found)
        })
      ),
    set: (id, entry) =>
      Effect.clockWith((clock) => {
        const leftMillis = entry.meta.expiresAt - clock.currentTimeMillisUnsafe()
        const ends = leftMillis < byteStorages.longestMillis
        return asked("set", storage.set(keyOf(id), write(id, entry), ends ? Math.max(1, leftMillis) : undefined))
      }),
    remove: (id) => asked("remove", storage.remove(keyOf(id))),
    scan: list && (({ prefix = "" } = {}) => Stream.mapError(scan(storage, list, prefix), faultOf("scan"))),
    clear: clear && asked("clear", clear)
  })
}

/** Lists the entries whose ids begin with a prefix. Reads the values of which only the keys are listed. */
const scan = (
  { get }: ByteStorage,
  list: NonNullable<ByteStorage["list"]>,
  prefix: string
): Stream.Stream<Store.Scanned, unknown> =>
  list.pipe(
    Stream.mapEffect(
      (found) =>
        typeof found === "string"
          ? Effect.map(get(found), (value) => scanned(value, prefix, found))
          : Effect.succeed(scanned(found, prefix)),
      { concurrency: byteStorages.concurrency }
    ),
    Stream.filter((one) => one !== undefined)
  )

const scanned = (value: Uint8Array | undefined, prefix: string, key?: string): Store.Scanned | undefined => {
  const found = value && Headed.decode(value, String)
  const id = found?.head
  if (id === undefined || !id.startsWith(prefix) || (key !== undefined && key !== keyOf(id))) return undefined
  const entry = read(id, found!)
  return entry && { id, meta: entry.meta }
}

/** A key of at most 200 characters, none of which has a meaning in a path, a URL or a protocol of text. */
const keyOf = (id: string): string => {
  const key = encodeURIComponent(isWellFormed(id) ? id : hash(id)).replace(/[.!'()*]/g, percent)
  return key !== "" && key.length <= byteStorages.keyLength ? key : `${key.slice(0, 100)}~${hash(id)}`
}

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`

const write = (id: string, entry: Stored): Uint8Array => Headed.encode(id, Frame.encode(id, entry, crc32))

/** The checksum of the frame covers the id. A copy, because a storage in memory gives the bytes that it keeps. */
const read = (id: string, { rest }: { readonly rest: Uint8Array }): Stored | undefined =>
  Frame.decode(id, rest.slice(), crc32)
