/**
 * Stores over storages of plain bytes, which have no metadata and their own rules for keys. A value is the length of
 * the id (4 bytes, big-endian), the id as JSON, and the frame. So a listing finds the ids, and a value that another id
 * has under the same key is a miss.
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
    get: (id) => asked("get", Effect.map(storage.get(keyOf(id)), (value) => value && read(id, value))),
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
  const id = value && idIn(value)
  if (id?.startsWith(prefix) !== true || (key !== undefined && key !== keyOf(id))) return undefined
  const entry = read(id, value!)
  return entry && { id, meta: entry.meta }
}

/** A key of at most 200 characters, none of which has a meaning in a path, a URL or a protocol of text. */
const keyOf = (id: string): string => {
  const key = encodeURIComponent(isWellFormed(id) ? id : hash(id)).replace(/[.!'()*]/g, percent)
  return key !== "" && key.length <= byteStorages.keyLength ? key : `${key.slice(0, 100)}~${hash(id)}`
}

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`

const headSize = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const write = (id: string, entry: Stored): Uint8Array => {
  const name = encoder.encode(JSON.stringify(id))
  const frameAt = headSize + name.length
  let value = name
  Frame.encode(id, entry, crc32, (size) => {
    value = new Uint8Array(frameAt + size)
    return value.subarray(frameAt)
  })
  new DataView(value.buffer).setUint32(0, name.length)
  value.set(name, headSize)
  return value
}

/** The start of the frame, or `undefined` if the value is not from this library. */
const frameAtIn = (value: Uint8Array): number | undefined => {
  if (value.length < headSize) return undefined
  const at = headSize + new DataView(value.buffer, value.byteOffset).getUint32(0)
  return at <= value.length ? at : undefined
}

const read = (id: string, value: Uint8Array): Stored | undefined => {
  const at = frameAtIn(value)
  // The checksum of the frame covers the id. A copy, because a storage in memory gives the bytes that it keeps.
  return at === undefined ? undefined : Frame.decode(id, value.slice(at), crc32)
}

const idIn = (value: Uint8Array): string | undefined => {
  const at = frameAtIn(value)
  if (at === undefined) return undefined
  try {
    const id: unknown = JSON.parse(decoder.decode(value.subarray(headSize, at)))
    return typeof id === "string" ? id : undefined
  } catch {
    return undefined
  }
}
