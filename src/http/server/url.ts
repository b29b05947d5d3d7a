/** The URL of a request of a server. */
import type { HttpServerRequest } from "effect/http/HttpServerRequest"

interface Sent {
  readonly url: URL
  readonly host: string
  readonly path: string
}

/** The URL as it was asked for, because routers cut prefixes off. The request of a `fetch` handler has no `host`. */
const sentOf = ({ headers, originalUrl, protocol }: HttpServerRequest): Sent | undefined => {
  try {
    const asked = /^https?:/i.test(originalUrl) ? new URL(originalUrl) : undefined
    const scheme = protocol ?? asked?.protocol.slice(0, -1) ?? "http"
    const path = asked === undefined ? originalUrl : asked.pathname + asked.search
    const host = headers["host"] ?? asked?.host ?? "localhost"
    return { url: new URL(`.${path}`, `${scheme}://${host}`), host, path }
  } catch {
    return undefined
  }
}

export const urlOf = (request: HttpServerRequest): URL | undefined => sentOf(request)?.url

/**
 * The URL, if it was sent as it is written here. The handler sees `/x/../page` and `Host: example.com/x` as they are,
 * so its response must not become that of `/page` and `example.com`.
 */
export const exactUrlOf = (request: HttpServerRequest): URL | undefined => {
  const sent = sentOf(request)
  if (sent === undefined) return undefined
  const { host, path, url } = sent
  return url.pathname + url.search === path && url.host === host.toLowerCase() ? url : undefined
}
