/** Defines the format of the metadata file beside each payload: JSON that people can also read. */
import { hash } from "node:crypto"
import { crc32 } from "node:zlib"
import type { Meta, Stored } from "../../CacheEntry.ts"
import { showTime } from "../../internal/text/times.ts"

export interface Metadata {
  readonly id: string
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  readonly meta: Meta
}

/** The version of the folder's layout, which increases with each change. Entries of other versions count as misses. */
const format = 2

const sha256 = (payload: Uint8Array): string => hash("sha256", payload, "hex")

export const make = (id: string, file: string, { meta, payload }: Stored): Metadata => ({
  id,
  file,
  bytes: payload.length,
  sha256: sha256(payload),
  meta
})

export const fits = (metadata: Metadata, payload: Uint8Array): boolean =>
  payload.length === metadata.bytes && sha256(payload) === metadata.sha256

/** The checksum of metadata. It survives a round trip through JSON, although JSON writes `Infinity` as `null`. */
const check = ({ bytes, file, id, meta, sha256 }: Metadata): string =>
  crc32(JSON.stringify([format, id, file, bytes, sha256, meta])).toString(16).padStart(8, "0")

/** Renders metadata as indented JSON. The formatted times are for people; no code reads them. */
export const render = (metadata: Metadata): string => {
  const { bytes, file, id, meta, sha256 } = metadata
  const shown = {
    id,
    file,
    created: showTime(meta.createdAt),
    stale: showTime(meta.softExpiresAt),
    expires: showTime(meta.expiresAt),
    bytes,
    sha256,
    meta,
    check: check(metadata)
  }
  return `${JSON.stringify(shown, undefined, 2)}\n`
}

const orForever = (time: number | null): number => time ?? Infinity

/** Parses metadata. Returns `undefined` if the text is damaged, edited, foreign, or of another format version. */
export const parse = (text: string): Metadata | undefined => {
  try {
    const shown = JSON.parse(text) as Metadata & { readonly check: string }
    if (shown.check !== check(shown)) return undefined
    const { bytes, file, id, meta, sha256 } = shown
    return {
      id,
      file,
      bytes,
      sha256,
      meta: {
        ...meta,
        createdAt: orForever(meta.createdAt),
        softExpiresAt: orForever(meta.softExpiresAt),
        expiresAt: orForever(meta.expiresAt)
      }
    }
  } catch {
    return undefined
  }
}
