/**
 * The bytes of an object: the length of its head (4 bytes, big-endian), the head as JSON, and the frame of an entry, if
 * there is one. The head has the whole id, since the name of an object may be cut, and a stamp that no other write has:
 * so two states of an object never have the same ETag.
 */
import type { Stored } from "../../../CacheEntry.ts"
import { crc32 } from "../../../internal/codec/crc32.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import type { Lease } from "../../../internal/store/leases.ts"
import { sizeFor } from "./life.ts"

export interface Head {
  readonly id: string
  readonly stamp: string
  readonly lease?: Lease | undefined
  /** The version of a tag. */
  readonly version?: string | undefined
  readonly counter?: { readonly value: number; readonly expiresAt: number } | undefined
}

export interface Body {
  readonly head: Head
  /** The frame of the entry, empty if there is none. */
  readonly frame: Uint8Array
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const lengthSize = 4
const space = 0x20

export const none = new Uint8Array(0)

/** JSON has no infinite numbers. */
const toText = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array
    ? Array.from(value)
    : typeof value === "number" && !Number.isFinite(value)
    ? String(value)
    : value

/** Encodes an object whose size tells its life. */
export const encode = (head: Head, frame: Uint8Array, lifeMillis = Infinity): Uint8Array => {
  const json = encoder.encode(JSON.stringify(head, toText))
  const size = sizeFor(lifeMillis, lengthSize + json.length + frame.length)
  const frameAt = size - frame.length
  const bytes = new Uint8Array(size)
  new DataView(bytes.buffer).setUint32(0, frameAt - lengthSize)
  bytes.set(json, lengthSize)
  // The end of the JSON.
  bytes.fill(space, lengthSize + json.length, frameAt)
  bytes.set(frame, frameAt)
  return bytes
}

/** Decodes the object of an id, or of any id. Returns `undefined` for what this library has not written. */
export const decode = (bytes: Uint8Array, id?: string): Body | undefined => {
  if (bytes.length < lengthSize) return undefined
  const at = lengthSize + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (at > bytes.length) return undefined
  try {
    const head = headOf(JSON.parse(decoder.decode(bytes.subarray(lengthSize, at))))
    return head === undefined || (id !== undefined && head.id !== id) ? undefined : { head, frame: bytes.subarray(at) }
  } catch {
    return undefined
  }
}

const numberOf = (given: unknown): number =>
  typeof given === "number" ? given : given === "Infinity" ? Infinity : given === "-Infinity" ? -Infinity : NaN

const bytesOf = (given: unknown): Uint8Array | undefined =>
  Array.isArray(given) && given.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)
    ? Uint8Array.from(given)
    : undefined

const headOf = (given: any): Head | undefined => {
  if (typeof given?.id !== "string" || typeof given.stamp !== "string") return undefined
  const { counter, id, lease, stamp, version } = given
  const isVersion = version === undefined || typeof version === "string" && /^[0-9a-f]{24}$/.test(version)
  const held = lease === undefined ? undefined : leaseOf(lease)
  if (!isVersion || (lease !== undefined && held === undefined)) return undefined
  if (counter === undefined) return { id, stamp, lease: held, version }
  const [value, expiresAt] = [numberOf(counter?.value), numberOf(counter?.expiresAt)]
  return Number.isSafeInteger(value) && !Number.isNaN(expiresAt)
    ? { id, stamp, lease: held, version, counter: { value, expiresAt } }
    : undefined
}

const leaseOf = (given: any): Lease | undefined => {
  const { failed, generation, joinedAt, owner } = given ?? {}
  const [leaseMillis, until, dies] = [numberOf(given?.leaseMillis), numberOf(given?.until), numberOf(given?.dies)]
  if (typeof generation !== "string" || typeof owner !== "string") return undefined
  if ([leaseMillis, until, dies].some(Number.isNaN)) return undefined
  if (joinedAt !== undefined && Number.isNaN(numberOf(joinedAt))) return undefined
  const note = bytesOf(failed?.note)
  const [count, at] = [numberOf(failed?.count), numberOf(failed?.at)]
  const isFailed = note !== undefined && Number.isSafeInteger(count) && !Number.isNaN(at)
  if (failed !== undefined && !isFailed) return undefined
  return {
    generation,
    owner,
    leaseMillis,
    until,
    dies,
    joinedAt: joinedAt === undefined ? undefined : numberOf(joinedAt),
    failed: isFailed ? { count, note, at } : undefined
  }
}

export const entryOf = (body: Body | undefined): Stored | undefined =>
  body === undefined || body.frame.length === 0 ? undefined : Frame.decode(body.head.id, body.frame, crc32)

export const frameOf = (id: string, entry: Stored): Uint8Array => Frame.encode(id, entry, crc32)

/** For how long something of an object counts. Entries live by the clock of this machine, the rest by the server's. */
export const lifeOf = (
  { counter, lease, version }: Omit<Head, "id" | "stamp">,
  frame: Uint8Array,
  now: { readonly local: number; readonly server: number }
): number => {
  if (version !== undefined) return Infinity
  const ends = [
    ...frame.length === 0 ? [] : [Frame.expiresAtIn(frame) - now.local],
    ...lease === undefined ? [] : [lease.dies - now.server],
    ...counter === undefined ? [] : [counter.expiresAt - now.server]
  ]
  return ends.length === 0 ? 0 : Math.max(1, ...ends.filter((end) => !Number.isNaN(end)))
}
