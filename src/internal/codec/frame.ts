/**
 * The binary format of a stored entry, big-endian unless noted:
 *
 * | at | size | field |
 * |---|---|---|
 * | 0 | 2 | `"ec"` |
 * | 2 | 1 | format |
 * | 3 | 1 | flags: 1 a failure, 4 `isConstant`, 8 an etag follows the tags, 16 `endsWithParts` |
 * | 4 | 16 | writeId |
 * | 20 | 1 | serializer |
 * | 21 | 3 × 8 | createdAt, softExpiresAt, expiresAt (float64) |
 * | 45 | 4 | loadMillis |
 * | 49 | 2 | number of tags |
 * | 51 | | for each tag: length of the name (4 bytes, the highest bit marks UTF-16), version (12), name |
 * | | | if flagged, the etag: length (4 bytes, like that of a name), text |
 * | | | payload |
 * | -4 | 4 | crc32 of the id and all preceding bytes (little-endian) |
 *
 * The checksum covers the id, so a frame that was copied to another id is treated as a miss.
 */
import type { Meta, Stored, TagVersion } from "../../CacheEntry.ts"
import { fromUtf16, isWellFormed, sixteenToHex, toHex, toUtf16, writeHex } from "./bytes.ts"

/** Computes a checksum, optionally continuing from a previous one, like `crc32` of `node:zlib`. */
type Checksum = (data: string | Uint8Array, former?: number) => number

const magic = 0x6563
/** The layout version. Only the first three fields and the `writeId` are known to be the same in other versions. */
export const format = 1
const failure = 1
const constant = 4
const tagged = 8
const bounded = 16
const flags = failure | constant | tagged | bounded

const at = { flags: 3, writeId: 4, serializer: 20, createdAt: 21, softExpiresAt: 29, expiresAt: 37, loadMillis: 45 }
const tagCountAt = 49
export const maxTags = 0xffff
const headSize = 51
const tagHead = 16
const textHead = 4
const checksumSize = 4
const utf16 = 0x8000_0000

/** The crc32 of any bytes with their own crc32 appended. It lets a frame be checked in one pass, without a copy. */
const residue = 0x2144_df1c

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

interface Text {
  readonly bytes: Uint8Array
  readonly length: number
}

/** Most entries in a row have the same tag. */
let lastTag: { readonly tag: string; readonly text: Text } | undefined

const encodeTag = (tag: string): Text => {
  if (lastTag?.tag !== tag) lastTag = { tag, text: encodeText(tag) }
  return lastTag!.text
}

const encodeText = (text: string): Text => {
  const wellFormed = isWellFormed(text)
  const bytes = wellFormed ? encoder.encode(text) : toUtf16(text)
  return { bytes, length: wellFormed ? bytes.length : (bytes.length | utf16) >>> 0 }
}

const decodeText = (bytes: Uint8Array, length: number): string =>
  length >= utf16 ? fromUtf16(bytes) : decoder.decode(bytes)

const newRoom = (size: number): Uint8Array => new Uint8Array(size)

/** Encodes an entry into zeroed bytes allocated by `roomFor`. Throws a `RangeError` for more than `maxTags` tags. */
export const encode = (
  id: string,
  { meta, payload }: Stored,
  crc32: Checksum,
  roomFor: (size: number) => Uint8Array = newRoom
): Uint8Array => {
  if (meta.tags.length > maxTags) throw new RangeError(tooMany(id, meta.tags.length))
  const names = meta.tags.map(({ tag }) => encodeTag(tag))
  const etag = meta.etag === undefined ? undefined : encodeText(meta.etag)
  const tagsSize = names.reduce((size, { bytes }) => size + tagHead + bytes.length, 0)
  const etagSize = etag === undefined ? 0 : textHead + etag.bytes.length
  const frame = roomFor(headSize + tagsSize + etagSize + payload.length + checksumSize)
  const view = new DataView(frame.buffer, frame.byteOffset)
  writeHead(meta, frame, view)
  const etagAt = writeTags(meta.tags, names, frame, view)
  const payloadAt = etag === undefined ? etagAt : writeText(etag, etagAt, frame, view)
  frame.set(payload, payloadAt)
  const checksumAt = payloadAt + payload.length
  view.setUint32(checksumAt, crc32(frame.subarray(0, checksumAt), crc32(id)), true)
  return frame
}

const tooMany = (id: string, count: number): string =>
  `The entry "${id.slice(0, 200)}" has ${count} tags, and ${maxTags} can be stored`

const writeHead = (meta: Meta, frame: Uint8Array, view: DataView): void => {
  view.setUint16(0, magic)
  frame[2] = format
  frame[at.flags] = (meta.outcome === "failure" ? failure : 0) | (meta.isConstant === true ? constant : 0) |
    (meta.etag === undefined ? 0 : tagged) | (meta.endsWithParts === true ? bounded : 0)
  writeHex(meta.writeId, frame, at.writeId)
  frame[at.serializer] = meta.serializer
  view.setFloat64(at.createdAt, meta.createdAt)
  view.setFloat64(at.softExpiresAt, meta.softExpiresAt)
  view.setFloat64(at.expiresAt, meta.expiresAt)
  view.setUint32(at.loadMillis, Math.max(0, Math.min(Math.round(meta.loadMillis), 0xffff_ffff)))
  view.setUint16(tagCountAt, meta.tags.length)
}

const writeTags = (
  tags: ReadonlyArray<TagVersion>,
  names: ReadonlyArray<Text>,
  frame: Uint8Array,
  view: DataView
): number => {
  let offset = headSize
  tags.forEach(({ version }, i) => {
    const { bytes, length } = names[i]!
    view.setUint32(offset, length)
    writeHex(version, frame, offset + 4)
    frame.set(bytes, offset + tagHead)
    offset += tagHead + bytes.length
  })
  return offset
}

const writeText = ({ bytes, length }: Text, at: number, frame: Uint8Array, view: DataView): number => {
  view.setUint32(at, length)
  frame.set(bytes, at + textHead)
  return at + textHead + bytes.length
}

/** Decodes a frame. Returns `undefined` for bytes that are truncated, damaged, or of another format or id. */
export const decode = (id: string, frame: Uint8Array, crc32: Checksum): Stored | undefined => {
  const end = frame.length - checksumSize
  if (end < headSize) return undefined
  if (crc32(frame, crc32(id)) !== residue) return undefined
  // Despite the valid checksum, the frame may be unreadable: another release may have written it, or it may be forged.
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  if (view.getUint16(0) !== magic || frame[2] !== format || (frame[at.flags]! & ~flags) !== 0) return undefined
  const tags = tagsOf(frame, view, end)
  if (tags === undefined) return undefined
  const tagsEnd = headSize + tags.bytes.length
  const meta = readMeta(frame, view, tags.tags)
  return (frame[at.flags]! & tagged) === 0
    ? { meta, payload: frame.subarray(tagsEnd, end) }
    : withEtag(meta, tagsEnd, frame.subarray(0, end), view)
}

const withEtag = (meta: Meta, lengthAt: number, frame: Uint8Array, view: DataView): Stored | undefined => {
  const etagAt = lengthAt + textHead
  if (etagAt > frame.length) return undefined
  const length = view.getUint32(lengthAt)
  const payloadAt = etagAt + (length & ~utf16)
  if (payloadAt > frame.length) return undefined
  const etag = decodeText(frame.subarray(etagAt, payloadAt), length)
  return { meta: { ...meta, etag }, payload: frame.subarray(payloadAt) }
}

/** Reads when an entry expires from a frame that is not checked. */
export const expiresAtIn = (frame: Uint8Array): number =>
  frame.length < headSize ? NaN : new DataView(frame.buffer, frame.byteOffset).getFloat64(at.expiresAt)

/** Reads the tags from the first bytes of a possibly damaged frame. Returns `undefined` if the bytes are too few. */
export const tagsIn = (head: Uint8Array): ReadonlyArray<TagVersion> | undefined =>
  head.length < headSize
    ? undefined
    : tagsOf(head, new DataView(head.buffer, head.byteOffset, head.length), head.length)?.tags

interface Tags {
  readonly count: number
  readonly bytes: Uint8Array
  readonly tags: ReadonlyArray<TagVersion>
}

const noTags: Tags = { count: 0, bytes: new Uint8Array(0), tags: [] }

/** The tags of the last decoded frame that had any, reused because many entries have the same tags and versions. */
let lastTags = noTags

/** The maximum size in bytes of the tags that are kept for comparison with the next frame. */
const keptBytes = 1024

/** Reads the tags, which must end at or before `end`. Returns `undefined` if a length exceeds the frame. */
const tagsOf = (frame: Uint8Array, view: DataView, end: number): Tags | undefined => {
  const count = view.getUint16(tagCountAt)
  if (count === 0) return noTags
  if (count === lastTags.count && headSize + lastTags.bytes.length <= end && hasBytes(frame, lastTags.bytes)) {
    return lastTags
  }
  const tags: Array<TagVersion> = []
  const tagsEnd = readTags(count, frame.subarray(0, end), view, tags)
  if (tagsEnd > end) return undefined
  const read = { count, bytes: frame.subarray(headSize, tagsEnd), tags }
  // Copies the bytes, because a view would keep the whole frame in memory.
  if (read.bytes.length <= keptBytes) lastTags = { ...read, bytes: new Uint8Array(read.bytes) }
  return read
}

/** Whether the frame's tags begin with these bytes of an earlier frame, which have already been validated. */
const hasBytes = (frame: Uint8Array, bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length; i++) if (frame[headSize + i] !== bytes[i]) return false
  return true
}

const readMeta = (frame: Uint8Array, view: DataView, tags: ReadonlyArray<TagVersion>): Meta => {
  const meta = plainMeta(frame, view, tags)
  const has = frame[at.flags]!
  if ((has & bounded) === 0) return (has & constant) === 0 ? meta : { ...meta, isConstant: true }
  return { ...meta, endsWithParts: true, ...(has & constant) === 0 ? {} : { isConstant: true } }
}

const plainMeta = (frame: Uint8Array, view: DataView, tags: ReadonlyArray<TagVersion>): Meta => ({
  createdAt: view.getFloat64(at.createdAt),
  softExpiresAt: view.getFloat64(at.softExpiresAt),
  expiresAt: view.getFloat64(at.expiresAt),
  loadMillis: view.getUint32(at.loadMillis),
  outcome: (frame[at.flags]! & failure) !== 0 ? "failure" : "success",
  tags,
  writeId: sixteenToHex(frame, at.writeId),
  serializer: frame[at.serializer]!
})

/** Appends the tags to `tags`. Returns the offset of their end, which is beyond the frame if a length is wrong. */
const readTags = (count: number, frame: Uint8Array, view: DataView, tags: Array<TagVersion>): number => {
  let offset = headSize
  for (let i = 0; i < count; i++) {
    const nameAt = offset + tagHead
    if (nameAt > frame.length) return Infinity
    const length = view.getUint32(offset)
    const nameEnd = nameAt + (length & ~utf16)
    const name = frame.subarray(nameAt, nameEnd)
    tags.push({
      tag: decodeText(name, length),
      version: toHex(frame, offset + 4, nameAt)
    })
    offset = nameEnd
  }
  return offset
}
