/** The URL of a request of a server, as text: what is parsed and written again could become that of another page. */
import type { HttpServerRequest } from "effect/http/HttpServerRequest"

/** The query parameters that do not count. */
export interface Normal {
  readonly ignoreQuery?: ReadonlyArray<string> | boolean | undefined
  readonly sortQuery?: boolean | undefined
}

export interface Sent {
  readonly url: URL
  readonly host: string
  /** The path and the query, without what does not count. The handler sees this text. */
  readonly path: string
  /** Whether all of it counts. */
  readonly isNormal: boolean
}

const absolute = /^(https?):\/\/([^/?#]*)(.*)$/is

/**
 * The URL as it was asked for, because routers cut prefixes off, without what does not count. `undefined`: no URL would
 * be written so, such as `/x/../page`, and what reads it may understand another page.
 */
export const sentOf = (request: HttpServerRequest, normal: Normal): Sent | undefined => {
  const { headers, originalUrl, protocol } = request
  const [, scheme = "http", authority = "localhost", rest = originalUrl] = absolute.exec(originalUrl) ?? []
  const host = (headers["host"] ?? authority).toLowerCase()
  const path = keyed(rest, normal)
  // Middleware that has rewritten the URL, and not only cut off a prefix, may have done so by anything.
  const shown = request.url
  if (!rest.endsWith(shown) && !(/^\/(\?|$)/.test(shown) && rest.endsWith(shown.slice(1)))) return undefined
  const origin = `${protocol ?? scheme.toLowerCase()}://${host}`
  if (!URL.canParse(`.${path}`, origin)) return undefined
  const url = new URL(`.${path}`, origin)
  return url.pathname + url.search === path && url.host === host
    ? { url, host, path, isNormal: path === rest }
    : undefined
}

/** The query of a URL, read leniently. */
export const queryOf = (url: string): URLSearchParams => {
  const at = url.indexOf("?")
  return new URLSearchParams(at < 0 ? "" : url.slice(at))
}

/** A URL or path as the key has it: without what does not count, sorted. What remains stays as it was written. */
export const keyed = (path: string, { ignoreQuery = false, sortQuery = false }: Normal): string => {
  const at = path.indexOf("?")
  if (at < 0 || (ignoreQuery === false && !sortQuery)) return path
  if (ignoreQuery === true) return path.slice(0, at)
  const query = path.slice(at + 1)
  const all = query.split("&").map((text) => ({ text, name: nameOf(text) }))
  const left = ignoreQuery === false ? all : all.filter(({ name }) => !ignoreQuery.includes(name))
  if (left.length === 0) return path.slice(0, at)
  // The order of equal names stays.
  const sorted = sortQuery ? left.toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0) : left
  return `${path.slice(0, at)}?${sorted.map(({ text }) => text).join("&")}`
}

/** The name of a parameter as those who parse the query read it. */
const nameOf = (text: string): string => {
  const name = text.split("=", 1)[0]!
  return /[%+]/.test(name) ? Array.from(new URLSearchParams(`${name}=`).keys())[0] ?? name : name
}
