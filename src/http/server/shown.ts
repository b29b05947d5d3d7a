/**
 * The request that a handler sees: the text of the key, and no field that would change what the request is. It sees
 * the same whether its response is stored or not.
 */
import * as Headers from "effect/http/Headers"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { Sent } from "./url.ts"

/** Fields with which a client could steer a response, although they are in no key. */
const steering = new Set(
  `
  forwarded x-forwarded x-forwarded-host x-forwarded-proto x-forwarded-protocol x-forwarded-port x-forwarded-prefix
  x-forwarded-server x-forwarded-scheme x-forwarded-ssl x-forwarded-path x-forwarded-uri x-forwarded-url
  x-forwarded-method x-forwarded-query x-scheme front-end-https x-url-scheme x-host x-original-host x-original-url
  x-original-uri x-original-method x-original-path x-proxy-url x-real-host x-rewrite-url x-rewrite-uri
  x-http-host-override x-http-method x-http-method-override x-method-override x-http-path-override x-forwarded-https
  x-middleware-rewrite x-matched-path x-invoke-path cf-visitor cloudfront-forwarded-proto x-appengine-https
  x-arr-ssl x-envoy-original-path`.trim().split(/\s+/)
)

/** A field that crosses services with a request, whoever has sent it. It counts as a name of the user. */
const carried = "baggage"

/** The fields by which a request is judged: those that the handler sees, and what is hidden because of its user. */
export const unsteered = (headers: Headers.Headers): Headers.Headers => {
  for (const name in headers) if (steering.has(name)) return Headers.removeMany(headers, steering)
  return headers
}

interface Shown {
  readonly headers: Headers.Headers
  /** `undefined`: the URL is shown as it was sent. */
  readonly sent: Sent | undefined
  readonly method: string
}

const isHidden = (name: string): boolean => steering.has(name.toLowerCase()) || name.toLowerCase() === carried

/** The request for the handler. `headers` has the fields that the cache asks with. */
export const shownTo = (request: HttpServerRequest, { headers, method, sent }: Shown): HttpServerRequest => {
  const visible = Headers.remove(headers, carried)
  const { originalUrl, source } = request
  const host = sent?.host
  const given = host === undefined || visible["host"] === undefined ? visible : Headers.set(visible, "host", host)
  const end = sent === undefined ? originalUrl : sent.path
  const isSame = (originalUrl === end || (host !== undefined && originalUrl.endsWith(`//${host}${end}`))) &&
    method === request.method && !Object.keys(request.headers).some(isHidden) &&
    (sent === undefined || isOfSource(source, sent))
  if (isSame) return request.modify({ headers: given })
  const url = sent === undefined ? request.url : cut(request, sent.path)
  const seen = source instanceof Request
    ? requestWithout(source, sent?.url.href ?? source.url, method)
    : viewOf(source, { method, ...sent === undefined ? {} : { host: sent.host, url: sent.path } })
  const overrides = { source: { value: seen }, ...ofClient(request, sent, method) }
  return Object.create(request, overrides).modify({ url, headers: given })
}

/** Requests that are made from those of a client say by themselves what others take from their source. */
const ofClient = (request: HttpServerRequest, sent: Sent | undefined, method: string): PropertyDescriptorMap =>
  Object.hasOwn(request, "originalUrl")
    ? { originalUrl: { value: sent?.url.href ?? request.originalUrl }, method: { value: method } }
    : {}

/** The new text of a URL from which routers have cut a prefix off. */
const cut = ({ url }: HttpServerRequest, path: string): string => {
  const [shown = "", full = ""] = [url, path].map((text) => text.split("?", 1)[0])
  const query = path.slice(full.length)
  return shown + query
}

/** Whether the source of Node says the same. Its `Host` does not count beside a complete URL, or `:authority`. */
const isOfSource = (source: object, { host, path }: Sent): boolean => {
  const { rawHeaders, url } = source as { readonly rawHeaders?: ReadonlyArray<string>; readonly url?: string }
  return rawHeaders === undefined || (url === path &&
    rawHeaders.every((name, i) => i % 2 === 1 || name.toLowerCase() !== "host" || rawHeaders[i + 1] === host))
}

const requestWithout = (source: Request, url: string, method: string): Request => {
  const made = new Request(url, method === source.method ? source : new Request(source, { method }))
  for (const name of Array.from(made.headers.keys())) if (isHidden(name)) made.headers.delete(name)
  return made
}

interface Changed {
  readonly method: string
  readonly url?: string
  readonly host?: string
}

type Lists = { readonly [name: string]: unknown }

/** A view of the request of Node. Its methods run on the request itself, which stays as it is. */
const viewOf = (source: object, { host, ...changed }: Changed): object => {
  const { headers, headersDistinct, rawHeaders = [] } = source as {
    readonly headers?: Lists
    readonly headersDistinct?: Lists
    readonly rawHeaders?: ReadonlyArray<string>
  }
  const visible = (all: Lists = {}, shown: unknown = host) =>
    Object.fromEntries(
      Object.entries(all).filter(([name]) => !isHidden(name)).map((
        [name, value]
      ) => [name, host !== undefined && (name === "host" || name === ":authority") ? shown : value])
    )
  const raw = rawHeaders.flatMap((name, i) => {
    if (i % 2 === 1 || isHidden(name)) return []
    return [name, host !== undefined && name.toLowerCase() === "host" ? host : rawHeaders[i + 1]!]
  })
  const seen: { readonly [name: PropertyKey]: unknown } = {
    ...changed,
    headers: visible(headers),
    headersDistinct: visible(headersDistinct, [host]),
    rawHeaders: raw
  }
  return new Proxy(source, {
    get: (target, name) => {
      if (Object.hasOwn(seen, name)) return seen[name]
      const value = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value)
  })
}
