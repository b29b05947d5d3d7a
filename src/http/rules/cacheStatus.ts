/** The field `Cache-Status` (RFC 9211): in one line, what the cache did with a request, and why. */
import { type BareItem, serializeItem, Token } from "structured-headers"

export interface CacheStatus {
  /** Why the request went to the origin. Without it, the response is a hit. */
  readonly fwd?: "bypass" | "method" | "miss" | "uri-miss" | "vary-miss" | "request" | "stale" | "partial" | undefined
  readonly fwdStatus?: number | undefined
  readonly ttl?: number | undefined
  readonly stored?: boolean | undefined
  readonly collapsed?: boolean | undefined
  /** Says more than the parameters of the RFC can: a word, or the name of a field. */
  readonly detail?: string | undefined
}

const token = /^[a-z*][\w!#$%&'*+.^`|~-]*$/i

/** The lines of plain hits by their `ttl`, all with the last name: most hits of a second have the same. */
const hits = new Map<number, string>()
let named = ""

export const renderStatus = (name: string, status: CacheStatus, before: string | undefined): string => {
  const { collapsed, detail, fwd, ttl } = status
  const isPlain = ttl !== undefined && fwd === undefined && detail === undefined && collapsed !== true
  if (name !== named) hits.clear()
  named = name
  let line = isPlain ? hits.get(ttl) : undefined
  if (line === undefined) {
    line = rendered(name, status)
    if (hits.size > 100) hits.clear()
    if (isPlain) hits.set(ttl, line)
  }
  return before === undefined ? line : `${before}, ${line}`
}

const rendered = (name: string, { collapsed, detail, fwd, fwdStatus, stored, ttl }: CacheStatus): string => {
  const all: ReadonlyArray<readonly [name: string, value: BareItem | false | undefined]> = [
    fwd === undefined ? ["hit", true] : ["fwd", new Token(fwd)],
    ["fwd-status", fwdStatus],
    ["ttl", ttl],
    ["stored", stored],
    ["collapsed", collapsed],
    ["detail", detail !== undefined && token.test(detail) ? new Token(detail) : detail]
  ]
  const said = all.filter((one): one is [string, BareItem] => one[1] !== undefined && one[1] !== false)
  return serializeItem(new Token(name), new Map(said)).replaceAll(";", "; ")
}
