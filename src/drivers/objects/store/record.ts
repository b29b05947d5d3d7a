/**
 * The bytes of an object: its head, and the frame of an entry, if there is one. The head has the whole id, since the
 * name of an object may be cut, and a stamp that no other write has: so two states of an object never have the same
 * ETag.
 */
import type { Stored } from "../../../CacheEntry.ts"
import { crc32 } from "../../../internal/codec/crc32.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import type { Lease } from "../../../internal/store/leases.ts"
import * as Headed from "../../shared/headed.ts"
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

export const none = new Uint8Array(0)

/** Encodes an object whose size tells its life. */
export const encode = (head: Head, frame: Uint8Array, lifeMillis = Infinity): Uint8Array =>
  Headed.encode(head, frame, (size) => sizeFor(lifeMillis, size))

/** Decodes the object of an id, or of any id. Returns `undefined` for what this library has not written. */
export const decode = (bytes: Uint8Array, id?: string): Body | undefined => {
  const found = Headed.decode(bytes, headOf)
  if (found === undefined || (id !== undefined && found.head.id !== id)) return undefined
  return { head: found.head, frame: found.rest }
}

const headOf = ({ counter, lease, ...head }: any): Head => ({
  ...head,
  counter: counter && { value: counter.value, expiresAt: Number(counter.expiresAt) },
  lease: lease && leaseOf(lease)
})

const leaseOf = ({ dies, failed, leaseMillis, until, ...lease }: any): Lease => ({
  ...lease,
  leaseMillis: Number(leaseMillis),
  until: Number(until),
  dies: Number(dies),
  failed: failed && { ...failed, note: Uint8Array.from(failed.note) }
})

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
