/** Decodes answers from servers. A malformed answer becomes `undefined` or a fault. No decoder throws. */
import { crc32 } from "node:zlib"
import type { Stored } from "../../../CacheEntry.ts"
import { toHex } from "../../../internal/codec/bytes.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import type { Counter, Failures, Marker } from "../../../ports/store.ts"
import type { Address } from "../connection/client.ts"
import { slotCount } from "./keys.ts"

const shifted = ({ meta, payload }: Stored, offset: number): Stored => ({
  meta: {
    ...meta,
    createdAt: meta.createdAt + offset,
    softExpiresAt: meta.softExpiresAt + offset,
    expiresAt: meta.expiresAt + offset
  },
  payload
})

export const toFrame = (id: string, entry: Stored, offset: number, roomFor = newRoom): Buffer =>
  Frame.encode(id, offset === 0 ? entry : shifted(entry, offset), crc32, roomFor) as Buffer

const newRoom = (size: number): Buffer => Buffer.alloc(size)

interface Decoded {
  readonly entry: Stored | undefined
  readonly isDamaged: boolean
}

const missing: Decoded = { entry: undefined, isDamaged: false }

export const toEntry = (id: string, answer: unknown, offset: number): Decoded => {
  if (!Buffer.isBuffer(answer) || !isOurs(answer)) return missing
  const entry = Frame.decode(id, answer, crc32)
  if (entry === undefined) return { entry, isDamaged: true }
  return { entry: offset === 0 ? entry : shifted(entry, -offset), isDamaged: false }
}

const isOurs = (frame: Buffer): boolean => frame[0] === 0x65 && frame[1] === 0x63 && frame[2] === Frame.format

/** The bytes of the `writeId` in an encoded entry, even if the entry is damaged. */
export const rawWriteId = (frame: Buffer): Buffer => frame.subarray(4, 20)

export const toRaw = (hex: string): Buffer => Buffer.from(hex, "hex")

type LeaseAnswer =
  | { readonly _tag: "Stored"; readonly frame: Buffer }
  | { readonly _tag: "Wait"; readonly leftMillis: number }
  | { readonly _tag: "Granted"; readonly generation: string; readonly failures: Failures | undefined }

export const toLease = (answer: unknown): LeaseAnswer | undefined => {
  if (Buffer.isBuffer(answer)) return { _tag: "Stored", frame: answer }
  if (typeof answer === "number") return answer > 0 ? { _tag: "Wait", leftMillis: answer } : undefined
  if (!Array.isArray(answer)) return undefined
  const [generation, note] = answer as ReadonlyArray<unknown>
  if (!Buffer.isBuffer(generation) || generation.length === 0) return undefined
  return {
    _tag: "Granted",
    generation: generation.toString("latin1"),
    failures: Buffer.isBuffer(note) ? toFailures(note) : undefined
  }
}

const space = 32

const toFailures = (bytes: Buffer): Failures | undefined => {
  const end = bytes.indexOf(space)
  const count = end <= 0 ? NaN : Number(bytes.toString("latin1", 0, end))
  return Number.isSafeInteger(count) && count > 0
    ? { count, note: Uint8Array.from(bytes.subarray(end + 1)) }
    : undefined
}

const versionSize = 12

export const toVersion = (answer: unknown): string | undefined =>
  Buffer.isBuffer(answer) && answer.length > versionSize ? toHex(answer, 0, versionSize) : undefined

export const toMarker = (answer: unknown): Marker | undefined => {
  const version = toVersion(answer)
  const seq = version === undefined ? undefined : toCount((answer as Buffer).subarray(versionSize))
  return version === undefined || seq === undefined ? undefined : { version, seq }
}

export const toCount = (answer: unknown): number | undefined => {
  const text = toText(answer)
  return text !== undefined && /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}

export const toEra = (answer: unknown): string | undefined => toCount(answer) === undefined ? undefined : toText(answer)

export const toText = (answer: unknown): string | undefined => Buffer.isBuffer(answer) ? answer.toString() : undefined

export const toInteger = (answer: unknown): number | undefined => {
  const text = toText(answer)
  return text !== undefined && /^-?\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))
    ? Number(text)
    : undefined
}

/** `expires` is on the server's clock, in epoch milliseconds. -1 means never, -2 means that there is no counter. */
export const toCounter = (value: unknown, expires: unknown, offset: number): Counter | undefined => {
  const number = toInteger(value)
  if (number === undefined || typeof expires !== "number" || expires === -2) return undefined
  return { value: number, expiresAt: expires < 0 ? Infinity : expires - offset }
}

export interface KeyPage {
  readonly cursor: string
  readonly keys: ReadonlyArray<Buffer>
}

export const toPage = (answer: unknown): KeyPage | undefined => {
  if (!Array.isArray(answer) || !Array.isArray(answer[1])) return undefined
  const cursor = String(answer[0])
  return /^\d+$/.test(cursor) ? { cursor, keys: (answer[1] as Array<unknown>).filter(Buffer.isBuffer) } : undefined
}

export const toTime = (answer: unknown): number => {
  const [seconds, micros] = Array.isArray(answer) ? answer.map(Number) : []
  return seconds === undefined || micros === undefined ? NaN : seconds * 1000 + micros / 1000
}

export const hasRole = (answer: unknown, role: "slave" | "sentinel"): boolean =>
  Array.isArray(answer) && String(answer[0]) === role

export interface SlotRange {
  readonly from: number
  readonly to: number
  readonly address: Address
}

export const slots = (answer: unknown, host: string): ReadonlyArray<SlotRange> | undefined => {
  if (!Array.isArray(answer)) return undefined
  const ranges: Array<SlotRange> = []
  let covered = 0
  for (const row of answer as Array<unknown>) {
    if (!Array.isArray(row) || !Array.isArray(row[2])) return undefined
    const [from, to, [at, port]] = row as [unknown, unknown, ReadonlyArray<unknown>]
    const named = at === null || at === undefined ? "" : String(at)
    if (!isSlot(from) || !isSlot(to) || from > to || !isPort(port)) return undefined
    covered += to - from + 1
    // A node that does not know its own host name is reachable at the host to which this query was sent.
    ranges.push({ from, to, address: { host: named === "" || named === "?" ? host : named, port } })
  }
  return covered === slotCount ? ranges : undefined
}

const isSlot = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < slotCount

const isPort = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536

interface Redirection extends Address {
  readonly kind: "MOVED" | "ASK"
}

export const redirection = (message: string): Redirection | undefined => {
  const match = /^(MOVED|ASK) \d+ (\S*):(\d{1,5})$/.exec(message)
  return match === null || !isPort(Number(match[3]))
    ? undefined
    : { kind: match[1] as "MOVED" | "ASK", host: match[2]!.replace(/^\[|\]$/g, ""), port: Number(match[3]) }
}
