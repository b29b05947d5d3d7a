/** A caching client, one of its requests, and answers that need no stored response. */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import type { HttpClient } from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Cached from "../../Cached.ts"
import { LoadTimeout } from "../../CacheError.ts"
import type { Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import type { Tokens } from "../../internal/token.ts"
import { type CacheStatus, renderStatus } from "../rules/cacheStatus.ts"
import type { Directives, Fields, RequestHead } from "../rules/fields.ts"
import { clearsCache } from "../rules/invalidation.ts"
import type { Rules } from "../rules/storing.ts"
import type { Known, Named, Place } from "./places.ts"
import { originTag, type Variant } from "./record.ts"
import * as Response from "./response.ts"

/** A body that arrives. */
export interface Arrival {
  readonly response: HttpClientResponse
  /** Until when a reader must have begun. */
  readonly until: number
  hasBegun: boolean
  /** The callers that have the fields and have not begun to read. */
  waiting: number
  /** Reads on without a caller, while there are such callers, or to the end. */
  readonly readOn: (toEnd?: boolean) => void
}

/** A response of the origin, and when it was asked for. */
export interface Met {
  readonly response: HttpClientResponse
  readonly requestTime: number
  readonly responseTime: number
}

/** The words of a handler about its response, beside the response. */
export interface About {
  readonly tags: ReadonlyArray<string>
  /** Whether the response does not say itself what its `Cache-Control` says. */
  readonly isUsual: boolean
  /** The field of its request for which it was given no `Cache-Control`. */
  readonly withheldBy: string | undefined
}

/** The options of a caching client as they apply, and its state. */
export interface Client extends Rules {
  readonly caching: Caching["Service"]
  /** In which bodies arrive whose reader has left. */
  readonly context: Context.Context<never>
  /** The status that a failed request counts as. `undefined`: the origin could not be reached. */
  readonly failedAs: (error: HttpClientError) => number | undefined
  /** The first part of its keys, so that no response is reused by other rules than those by which it was stored. */
  readonly scope: "private" | "shared" | "server"
  readonly storesCookies: boolean
  /** Whether responses depend on the entries that their handler has read. */
  readonly inherit: "changes" | false
  readonly tags: (request: HttpClientRequest, response: HttpClientResponse) => ReadonlyArray<string>
  readonly about: (response: HttpClientResponse) => About | undefined
  /** The URL as the key has it. */
  readonly keyed: (href: string) => string
  readonly targets: ReadonlyArray<string>
  readonly maxVariants: number
  readonly maxBody: number
  readonly keepMillis: number
  /** How long a request waits for the load of another one. */
  readonly waitMillis: number
  /** How long a request waits for the fields of its response. */
  readonly timeoutMillis: number | undefined
  readonly maxLoadMillis: number | undefined
  readonly tokens: Tokens
  /** The bodies that arrive at present, the oldest first. */
  readonly arriving: Map<string, Arrival>
  /** Bodies that lie in one piece, by their names, until they are read through the cache again. */
  readonly wholes: Map<string, { readonly bytes: Uint8Array; readonly until: number }>
  readonly known: Map<string, Known>
  /** Places whose last response could not be shared, until a time; the oldest are first. */
  readonly unshared: Map<string, number>
  /** The newest call that waits for a load, by its place. */
  readonly waiting: Map<string, Call>
}

/** The next one after the cache: a client, or the handler of a server. */
export interface Origin extends Pick<HttpClient, "execute"> {
  /** The same for a load in the background, which outlives the request and reads the body itself. */
  readonly within?: (context: Context.Context<never>) => Origin
}

export interface Call {
  readonly self: Client
  readonly origin: Origin
  readonly clock: Clock.Clock
  readonly request: HttpClientRequest
  readonly named: Named
  readonly place: Place
  readonly head: RequestHead
  readonly directives: Directives
  /** Whether `HEAD` and ranges ask for the whole, which then answers them all. */
  readonly asksWhole: boolean
  readonly startedAt: number
  readonly isBackground: boolean
  /** How often the request has gone to another place, because of the `Vary` that it found. */
  readonly hops: number
  /** Loads the resource, or joins a load of it. */
  readonly renew: (call: Call) => Answer
  /** Whether its own load has begun. */
  hasBegun: boolean
  /** The response to this request itself, if its own load ran. */
  own: Own | undefined
}

export interface Own {
  readonly response: HttpClientResponse
  /** The variant that the response became or confirmed. Otherwise `why` says why it became none. */
  readonly stored: Variant | undefined
  readonly why: string | undefined
  /** The bytes that were read before the response turned out not to be storable. */
  readonly content: Uint8Array | undefined
}

export type Answer = Effect.Effect<HttpClientResponse, HttpClientError, Caching>

export const empty: Uint8Array = new Uint8Array(0)

/** Sends the request as it is, and stores nothing. */
export const passed = (call: Call, status: CacheStatus): Answer =>
  Effect.flatMap(
    call.origin.execute(call.request),
    (response) => Effect.as(cleared(call, response), marked(response, status))
  )

/** How long the call still waits: for `timeout` in all, although it may join loads before it sends a request itself. */
export const leftOf = ({ clock, self: { timeoutMillis }, startedAt }: Call): number | undefined =>
  timeoutMillis && Math.min(timeoutMillis, Math.max(1, startedAt + timeoutMillis - clock.currentTimeMillisUnsafe()))

/** The failure of a request whose origin has not answered within `timeout`: as if it could not be reached. */
export const unanswered = ({ request }: Call, cause: LoadTimeout): HttpClientError =>
  new HttpClientError({
    reason: new TransportError({ request, cause, description: `no answer within ${cause.timeoutMillis} ms` })
  })

/** Bounds the wait of a request that shares no load. */
export const inTime = <A, R>(
  call: Call,
  sent: Effect.Effect<A, HttpClientError, R>
): Effect.Effect<A, HttpClientError, R> => {
  const duration = leftOf(call)
  if (duration === undefined) return sent
  const late = () =>
    unanswered(call, new LoadTimeout({ key: call.named.href, timeoutMillis: call.self.timeoutMillis! }))
  return Effect.timeoutOrElse(sent, { duration, orElse: () => Effect.fail(late()) })
}

export const marked = (response: HttpClientResponse, status: CacheStatus, content?: Uint8Array): HttpClientResponse => {
  const fields = response.headers as Fields
  const line = renderStatus(http.name, { fwdStatus: response.status, ...status }, fields["cache-status"])
  const all = { ...fields, "cache-status": line }
  if (content === undefined) return Response.withFields(response, all)
  const { request, status: code, url } = response
  return Response.make({ request, url, status: code, fields: all, cookies: cookiesOf(response) }, content)
}

/** The cookies of a response. A handler may set them as a field too, and that of `fetch` repeats one of them. */
export const cookiesOf = ({ cookies, headers }: HttpClientResponse): ReadonlyArray<string> => {
  const set = Cookies.toSetCookieHeaders(cookies)
  const field = headers["set-cookie"]
  if (field === undefined) return set
  const isRepeated = Object.keys(Cookies.fromSetCookie([field]).cookies).some((name) => name in cookies.cookies)
  return isRepeated ? set : [...set, field]
}

/** A `504`, for a request that needs the origin and may not, or cannot, ask it. */
export const timedOut = ({ named, request }: Call, status: CacheStatus): HttpClientResponse => {
  const fields = { "cache-status": renderStatus(http.name, status, undefined) }
  return Response.make({ request, url: named.href, status: 504, fields, cookies: [] }, empty)
}

/** The URL that answered, after the redirects that the client has followed. */
export const answeredBy = ({ named: { url } }: Call, response: HttpClientResponse): URL =>
  response.url === url.href || !URL.canParse(response.url) ? url : new URL(response.url)

/** A response of another URL does not belong to this one: for how long it does, only the redirect could say. */
export const isRedirected = ({ named: { url } }: Call, response: HttpClientResponse): boolean => {
  if (response.url === "" || response.url === url.href) return false
  if (!URL.canParse(response.url)) return true
  const { host, pathname, protocol, search } = new URL(response.url)
  return `${protocol}//${host}${pathname}${search}` !== url.href
}

/** `Clear-Site-Data` of a response empties the caches of its receiver. That of a server is not one of them. */
export const cleared = (call: Call, response: HttpClientResponse): Effect.Effect<void, never, Caching> =>
  call.self.scope !== "server" && clearsCache(response.headers as Fields)
    ? Cached.invalidate({ tag: originTag(answeredBy(call, response).origin) })
    : Effect.void
