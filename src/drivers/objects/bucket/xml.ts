/** Reads the two replies of a server that are XML: a list of objects, and an error. Anything else counts as damaged. */

/** An object of a list. What the server does not say, or says in a way that is not understood, is `NaN` or absent. */
export interface Listed {
  /** Its name, as it was written. */
  readonly name: string
  readonly size: number
  readonly etag: string | undefined
  readonly modifiedAt: number
}

interface Page {
  readonly objects: ReadonlyArray<Listed>
  /** The beginning of the next page. `undefined` at the end of the list. */
  readonly next: string | undefined
}

const entities: { readonly [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" }

const unescape = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{1,8}));/gi, (found, decimal, hex, name) => {
    if (name !== undefined) return entities[name] ?? found
    const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : found
  })

/** The text of the first element with this name. */
const textOf = (xml: string, name: string): string | undefined => {
  const start = xml.indexOf(`<${name}>`)
  if (start < 0) return undefined
  const from = start + name.length + 2
  const end = xml.indexOf(`</${name}>`, from)
  return end < 0 ? undefined : unescape(xml.slice(from, end))
}

const decoder = new TextDecoder()

/** Returns `undefined` for anything that is not a whole list. */
export const listed = (body: Uint8Array): Page | undefined => {
  const xml = decoder.decode(body)
  const isTruncated = textOf(xml, "IsTruncated")
  if (!xml.includes("<ListBucketResult") || !xml.trimEnd().endsWith("</ListBucketResult>")) return undefined
  if (isTruncated !== "true" && isTruncated !== "false") return undefined
  const objects: Array<Listed> = []
  for (let at = xml.indexOf("<Contents>"); at >= 0;) {
    const end = xml.indexOf("</Contents>", at)
    const one = end < 0 ? "" : xml.slice(at, end)
    const name = textOf(one, "Key")
    if (name === undefined) return undefined
    objects.push({
      name,
      size: parseInt(textOf(one, "Size") ?? "", 10),
      etag: textOf(one, "ETag"),
      modifiedAt: Date.parse(textOf(one, "LastModified") ?? "")
    })
    at = xml.indexOf("<Contents>", end)
  }
  const next = isTruncated === "true" ? textOf(xml, "NextContinuationToken") : undefined
  // A page that says that there are more, but not where, would end the list too early, or never.
  return isTruncated === "true" && !next ? undefined : { objects, next }
}

export interface Refused {
  readonly code: string
  /** The region in which the bucket is, if the server says so. */
  readonly region: string | undefined
}

const safe = (text: string | undefined): string | undefined =>
  text !== undefined && /^[\w.-]{1,64}$/.test(text) ? text : undefined

/** The code of an error. No other text of it is read, because it may quote what was sent. */
export const refused = (body: Uint8Array): Refused => {
  const xml = decoder.decode(body.subarray(0, 65_536))
  return { code: safe(textOf(xml, "Code")) ?? "", region: safe(textOf(xml, "Region")) }
}
