/** Invalidation by unsafe methods, groups and `Clear-Site-Data` (RFC 9111, section 4.4; RFC 9875). */
import { parseList } from "structured-headers"
import { type Fields, listOf, type ResponseHead } from "./fields.ts"

const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "QUERY", "TRACE"])

export const isSafe = (method: string): boolean => safe.has(method)

/** The URLs whose stored responses an unsafe request makes invalid. Only a response without an error does. */
export const invalidatedUrls = (url: URL, { fields, status }: ResponseHead): ReadonlyArray<URL> => {
  if (status < 200 || status > 399) return []
  const others = [fields["location"], fields["content-location"]].flatMap((reference) => {
    const target = reference !== undefined && URL.canParse(reference, url) ? new URL(reference, url) : undefined
    return target?.origin === url.origin ? [target] : []
  })
  return [url, ...others]
}

const mostGroups = 128

/** The groups that a structured field lists. A malformed field lists none (RFC 9875, section 2). */
export const groupsOf = (value: string | undefined): ReadonlyArray<string> => {
  if (value === undefined) return []
  try {
    return parseList(value).slice(0, mostGroups).flatMap(([group]) => typeof group === "string" ? [group] : [])
  } catch {
    return []
  }
}

export const clearsCache = (fields: Fields): boolean =>
  listOf(fields["clear-site-data"]).some((type) => type === "\"cache\"" || type === "\"*\"")
