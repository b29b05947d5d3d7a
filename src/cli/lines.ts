/** The lines of an export. */
import type { Meta } from "../CacheEntry.ts"
import type { Row } from "./cache.ts"
import type { Portable } from "./copy.ts"
import { jsonLine } from "./terminal.ts"
import { formatName, textOf } from "./values.ts"

export const lineOf = ({ entry, id, staleTags }: Row): string => {
  const { meta, payload } = entry!
  const text = textOf(entry!)
  return jsonLine({
    id,
    format: formatName(meta.serializer),
    meta,
    staleTags: staleTags.length === 0 ? undefined : staleTags,
    text,
    base64: text === undefined
      ? Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("base64")
      : undefined
  })
}

/** Reads a line. Throws an error that says what is wrong. */
export const parseLine = (line: string): Portable => {
  const parsed = JSON.parse(line) as Record<string, unknown> | null
  const { base64, id, meta, staleTags = [], text } = parsed ?? {}
  if (typeof id !== "string") throw new Error("it has no id")
  const payload = typeof text === "string"
    ? Buffer.from(text)
    : typeof base64 === "string"
    ? Buffer.from(base64, "base64")
    : undefined
  if (payload === undefined) throw new Error("it has no value, as text or base64")
  // Node leaves out other characters, and ends at the first wrong padding.
  if (typeof text !== "string" && !isComplete(base64 as string, payload)) throw new Error("its base64 is wrong")
  if (!isMeta(meta)) throw new Error("its meta is missing or wrong")
  if (!Array.isArray(staleTags)) throw new Error("its staleTags must be a list")
  const { expiresAt, softExpiresAt } = meta
  const times = { softExpiresAt: softExpiresAt ?? Infinity, expiresAt: expiresAt ?? Infinity }
  return { id, entry: { meta: { ...meta, ...times }, payload }, staleTags }
}

const isComplete = (base64: string, decoded: Buffer): boolean =>
  base64.length % 4 === 0 && decoded.length === Buffer.byteLength(base64, "base64")

const isText = (given: unknown, form: RegExp): boolean => typeof given === "string" && form.test(given)

const isTime = (given: unknown): boolean => given === null || typeof given === "number"

const isMeta = (given: unknown): given is Meta => {
  const meta = Object(given) as Record<string, unknown>
  return typeof meta["createdAt"] === "number" && isTime(meta["softExpiresAt"]) && isTime(meta["expiresAt"]) &&
    typeof meta["loadMillis"] === "number" && (meta["outcome"] === "success" || meta["outcome"] === "failure") &&
    isText(meta["writeId"], /^[0-9a-f]{32}$/) && Number.isInteger(meta["serializer"]) &&
    Number(meta["serializer"]) > 0 && Number(meta["serializer"]) < 256 && Array.isArray(meta["tags"]) &&
    meta["tags"].every((tag) => typeof tag?.tag === "string" && isText(tag.version, /^[0-9a-f]{24}$/)) &&
    (meta["etag"] === undefined || typeof meta["etag"] === "string")
}
