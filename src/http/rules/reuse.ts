/** Whether a stored response answers a request (RFC 9111, sections 4, 4.2.4 and 5.2.1; RFC 5861; RFC 8246). */
import { type Directives, directivesOf, type Fields, noDirectives, secondsIn } from "./fields.ts"
import { ageOf, type Freshness, type Times } from "./freshness.ts"

/** The directives of a request. `Pragma` counts only without `Cache-Control` (section 5.4). */
export const requestDirectives = (fields: Fields): Directives => {
  const cacheControl = fields["cache-control"]
  if (cacheControl !== undefined) return directivesOf(cacheControl)
  return fields["pragma"] === undefined || !directivesOf(fields["pragma"]).has("no-cache")
    ? noDirectives
    : directivesOf("no-cache")
}

/** `"serve"`; `"refresh"`: serve, and validate in the background; `"validate"`: ask the origin first. */
export type Reuse = "serve" | "refresh" | "validate"

export const reuseOf = (stored: Freshness & Times, directives: Directives, now: number): Reuse => {
  if (stored.noCache) return "validate"
  const age = ageOf(stored, now)
  const left = stored.lifetime - age
  if (directives.size > 0) {
    if (directives.has("no-cache")) return "validate"
    const maxAge = secondsIn(directives, "max-age")
    // The version that an immutable response names never changes, so a reload does not ask for it again (RFC 8246).
    if (maxAge !== undefined && age > maxAge && !(stored.immutable && left > 0)) return "validate"
    if (maxAge === 0 && !(stored.immutable && left > 0)) return "validate"
    const minFresh = secondsIn(directives, "min-fresh")
    if (minFresh !== undefined && left < minFresh) return "validate"
  }
  if (left > 0) return "serve"
  if (stored.mustRevalidate) return "validate"
  if (-left <= maxStaleOf(directives)) return "serve"
  return -left < stored.whileRevalidate ? "refresh" : "validate"
}

/** `max-stale` without an argument accepts every age; with an invalid one, none. */
const maxStaleOf = (directives: Directives): number =>
  directives.get("max-stale")?.every((argument) => argument === undefined) === true
    ? Infinity
    : secondsIn(directives, "max-stale") ?? -1

/**
 * Whether a stale response may be served because the origin failed. Without an answer, it may be unless a directive
 * forbids it (section 4.2.4); for an answer 500, 502, 503 or 504, `stale-if-error` must allow it (RFC 5861, section 4).
 */
export const mayServeOnError = (
  stored: Freshness & Times,
  directives: Directives,
  now: number,
  status: number | undefined
): boolean => {
  if (stored.noCache || stored.mustRevalidate || directives.has("no-cache")) return false
  const maxAge = secondsIn(directives, "max-age")
  const age = ageOf(stored, now)
  if (maxAge !== undefined && age > maxAge) return false
  if (status === undefined) return true
  if (![500, 502, 503, 504].includes(status)) return false
  return age - stored.lifetime <= Math.max(stored.ifError, secondsIn(directives, "stale-if-error") ?? 0)
}
