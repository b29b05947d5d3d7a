/** The URL of a request of a server. */
import type { HttpServerRequest } from "effect/http/HttpServerRequest"

/** The URL as it was asked for, because routers cut prefixes off. The request of a `fetch` handler has no `host`. */
export const urlOf = ({ headers, originalUrl, protocol }: HttpServerRequest): URL | undefined => {
  try {
    const asked = /^https?:/i.test(originalUrl) ? new URL(originalUrl) : undefined
    const scheme = protocol ?? asked?.protocol.slice(0, -1) ?? "http"
    const path = asked === undefined ? originalUrl : asked.pathname + asked.search
    return new URL(`.${path}`, `${scheme}://${headers["host"] ?? asked?.host ?? "localhost"}`)
  } catch {
    return undefined
  }
}
