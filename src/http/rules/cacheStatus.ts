/** The field `Cache-Status` (RFC 9211): in one line, what the cache did with a request, and why. */

export interface CacheStatus {
  /** Why the request went to the origin. Without it, the response is a hit. */
  readonly fwd?: "bypass" | "method" | "miss" | "uri-miss" | "vary-miss" | "request" | "stale" | "partial" | undefined
  readonly fwdStatus?: number | undefined
  readonly ttl?: number | undefined
  readonly stored?: boolean | undefined
  readonly collapsed?: boolean | undefined
  /** Says more than the parameters of the RFC can. */
  readonly detail?: string | undefined
}

export const renderStatus = (name: string, status: CacheStatus, before: string | undefined): string => {
  let line = status.fwd === undefined ? `${name}; hit` : `${name}; fwd=${status.fwd}`
  if (status.fwdStatus !== undefined) line += `; fwd-status=${status.fwdStatus}`
  if (status.ttl !== undefined) line += `; ttl=${status.ttl}`
  if (status.stored === true) line += "; stored"
  if (status.collapsed === true) line += "; collapsed"
  if (status.detail !== undefined) line += `; detail=${status.detail}`
  return before === undefined ? line : `${before}, ${line}`
}
