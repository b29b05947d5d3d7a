/** Runs a handler in place of an origin, and makes of its response one that a shared cache may keep. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Exit from "effect/Exit"
import type * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import { causeResponse } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Cached from "../../Cached.ts"
import { LoadTimeout } from "../../CacheError.ts"
import { http } from "../../internal/defaults/options.ts"
import { Outside } from "../../internal/options/annotations.ts"
import type * as Strategy from "../../Strategy.ts"
import * as Ttl from "../../Ttl.ts"
import type { About, Origin } from "../client/call.ts"
import { namesOf, personalBy } from "../rules/anonymous.ts"
import { renderStatus } from "../rules/cacheStatus.ts"
import type { Fields } from "../rules/fields.ts"
import { isHeuristic } from "../rules/storing.ts"
import { ownField } from "../rules/targeted.ts"
import { lasting } from "./lasting.ts"
import { shownTo } from "./shown.ts"
import { tagsOf } from "./tags.ts"
import { queryOf, type Sent } from "./url.ts"

type Response = HttpServerResponse.HttpServerResponse

export type Handler = Effect.Effect<Response, unknown, any>

/** How to cache responses that say nothing about caching and answer anonymous requests. */
interface Usual {
  readonly cacheControl?: string | ((response: Response) => string | undefined) | undefined
  /** Their lifetime in this cache alone. */
  readonly strategy?: Strategy.Strategy<Response, any, any> | undefined
  readonly inherit?: "changes" | undefined
}

/** Whether a response is removed with the entries that its handler reads. */
export const Inherits: Context.Reference<boolean> = Context.Reference<boolean>(
  "effect-cached/HttpCacheMiddleware/inherits",
  { defaultValue: () => false }
)

/** The failure of a handler, as an origin that cannot be reached. */
class HandlerFailed extends Data.Class<{
  readonly failure: Cause.Cause<unknown>
  /** The status with which it is answered. */
  readonly status: number
}> {}

interface Parts {
  readonly handler: Handler
  readonly request: HttpServerRequest.HttpServerRequest
  readonly sent: Sent
  readonly usual: Usual
  /** The fields that cannot name a user. */
  readonly harmless: Set<string>
  readonly context: Context.Context<never>
  /** Whether the handler may be interrupted where it does not say so. */
  readonly isInterruptible: boolean
}

/** The handler as the origin of one request of the server. */
export const originOf = (parts: Parts): Origin => ({
  // The fiber that sends a response, and asks again for its body, lacks the services of the request.
  execute: (asked) => Effect.updateContext(handle(parts, asked), (own) => Context.merge(parts.context, own)),
  within: (context) => originOf({ ...parts, context })
})

const handle = (
  { context, handler, harmless, isInterruptible, request, sent, usual }: Parts,
  asked: HttpClientRequest
): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError> => {
  const { headers, method } = asked
  const isLoad = method === "GET" || method === "HEAD"
  const given = isLoad ? shownTo(request, { headers, method, sent }) : request
  const inheriting = usual.inherit !== undefined ? Effect.provideService(handler, Inherits, true) : handler
  const ofRequest = Context.getOrUndefined(context, Scope.Scope)
  const kept = isLoad && ofRequest !== undefined ? lasting(inheriting, ofRequest) : inheriting
  const bounded = isInterruptible ? Effect.interruptible(kept) : Effect.uninterruptible(kept)
  const run = isLoad ? finished(bounded) : bounded
  return Effect.provideService(run as Effect.Effect<Response>, HttpServerRequest.HttpServerRequest, given).pipe(
    Effect.updateContext((services: Context.Context<never>) => withQuery(services, sent)),
    Effect.map(unwrapped),
    Effect.zip(Cached.annotated),
    // The handler annotates also where its response passes.
    Effect.provideService(Outside, { annotations: undefined }),
    Effect.flatMap(([response, annotations]) => {
      const said = saying(response, headers, { ...usual, harmless, annotations })
      return Effect.map(isLoad ? tagged(said.response) : Effect.succeed(response), (response) => {
        const answer = HttpServerResponse.toClientResponse(response, { request: asked })
        originals.set(answer, { ...said, response, tags: [...tagsOf(response.headers), ...annotations.tags ?? []] })
        return answer
      })
    }),
    Effect.catchCause((cause) =>
      Cause.hasInterrupts(cause)
        ? Effect.failCause(cause as Cause.Cause<never>)
        : Effect.flatMap(causeResponse(cause), ([{ status }]) =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({
                request: asked,
                cause: new HandlerFailed({ failure: cause, status })
              })
            })
          ))
    )
  )
}

/** Runs a handler, and what it and the middleware inside the cache have registered to change its response. */
const finished = (handler: Handler): Handler =>
  Effect.suspend(() => {
    let [exit, sent]: [Exit.Exit<Response, unknown>?, Response?] = []
    const ended = Effect.map(Effect.exit(handler), (one) => {
      exit = one
      return Exit.isSuccess(one) ? one.value : HttpServerResponse.empty()
    })
    return HttpEffect.toHandled(ended, (_, response) => Effect.sync(() => void (sent = response))).pipe(
      // The request has a span already.
      Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true),
      Effect.flatMap(() => Exit.isSuccess(exit!) ? Effect.succeed(sent!) : exit!)
    )
  })

/** The query that the router has parsed, without the parameters that do not count, in the order of the key. */
const withQuery = <R>(services: Context.Context<R>, { isNormal, path }: Sent): Context.Context<R> => {
  const parsed = isNormal ? undefined : Context.getOrUndefined(services, HttpServerRequest.ParsedSearchParams)
  if (parsed === undefined) return services
  const names = Array.from(queryOf(path).keys())
  const left = Array.from(new Set(names)).flatMap((name) => name in parsed ? [[name, parsed[name]!] as const] : [])
  return Context.add(services, HttpServerRequest.ParsedSearchParams, Object.fromEntries(left))
}

/** The response of a `fetch` handler in the place of its wrapper, whose fields are added to its own. */
const unwrapped = (response: Response): Response => {
  const { body, cookies, headers, status } = response
  if (body._tag !== "Raw" || !(body.body instanceof globalThis.Response)) return response
  const web = HttpServerResponse.fromWeb(body.body)
  const isBodyless = status === 204 || status === 205 || status === 304
  const named = HttpServerResponse.setHeaders(isBodyless ? HttpServerResponse.setStatus(web, status) : web, headers)
  return HttpServerResponse.mergeCookies(named, cookies)
}

interface Original extends About {
  readonly response: Response
}

const originals = new WeakMap<object, Original>()

/** The response of the handler, if the cache has passed it without reading its body. */
export const originalOf = (response: HttpClientResponse): Original | undefined =>
  originals.get(response) ?? originals.get(Object.getPrototypeOf(response))

/** Fails as the handler has failed. For one that has not answered in time, answers as a gateway does. */
export const asHandled = (error: HttpClientError.HttpClientError): Effect.Effect<Response, unknown> => {
  const { cause } = error.reason as { readonly cause?: unknown }
  if (cause instanceof LoadTimeout) {
    const status = renderStatus(http.name, { fwd: "miss", detail: "timeout" }, undefined)
    return Effect.succeed(HttpServerResponse.empty({ status: 504, headers: { "cache-status": status } }))
  }
  return cause instanceof HandlerFailed ? Effect.failCause(cause.failure) : Effect.fail(error)
}

/** The handler has failed like an origin with its status, unless it could not reach a server that it asked. */
export const failedAs = (error: HttpClientError.HttpClientError): number | undefined => {
  const { cause } = error.reason as { readonly cause?: unknown }
  if (cause instanceof LoadTimeout) return 504
  if (!(cause instanceof HandlerFailed)) return 500
  const failure = Option.getOrUndefined(Cause.findErrorOption(cause.failure))
  return HttpClientError.isHttpClientError(failure) && failure.reason._tag === "TransportError"
    ? undefined
    : cause.status
}

/** Gives a response an `ETag` of its body. */
const tagged = (response: Response): Effect.Effect<Response> => {
  const { body, headers, status } = response
  if (status !== 200 || headers["etag"] !== undefined || body._tag !== "Uint8Array") return Effect.succeed(response)
  return Effect.map(
    digestOf(body.body as Uint8Array<ArrayBuffer>),
    (digest) => HttpServerResponse.setHeader(response, "etag", `"${Base64Url.encode(digest.subarray(0, 18))}"`)
  )
}

/** Digests a large body on another thread. */
const digestOf = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Uint8Array> =>
  bytes.length <= http.inlineBytes
    ? Effect.sync(() => sha256(bytes))
    : Effect.promise(async () => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)))

interface Said extends Usual, Pick<Parts, "harmless"> {
  readonly annotations: Cached.Annotations
}

/**
 * Gives a response that says nothing about caching the usual directives, if its request is anonymous. Other caches on
 * the way to the client do not know that rule: `Vary` tells them.
 */
const saying = (
  response: Response,
  asked: Headers.Headers,
  { annotations, cacheControl: control, harmless, strategy }: Said
): Pick<Original, "response" | "isUsual" | "withheldBy"> => {
  const { headers } = response
  const as = (withheldBy?: string) => ({ response, isUsual: false, withheldBy })
  if (headers["cache-control"] !== undefined || headers["expires"] !== undefined) return as()
  const isUsual = isHeuristic(response.status)
  const own = annotations.ttl !== undefined
    ? lifetimeText(
      Ttl.toMillis(annotations.ttl, "ttl"),
      Ttl.toMillis(annotations.softTtl ?? annotations.ttl, "softTtl")
    )
    : strategy && isUsual
    ? strategyText(strategy, response)
    : undefined
  const usual = own ?? (typeof control !== "string" ? control?.(response) : isUsual ? control : undefined)
  if (usual === undefined) return as()
  const by = personalBy(asked as Fields, namesOf(headers["vary"]), harmless)
  if (by !== undefined) return as(by)
  const vary = [headers["vary"] ?? [], "authorization", "cookie"].flat().join(", ")
  const said = { [own === undefined ? "cache-control" : ownField]: usual, vary }
  return { response: HttpServerResponse.setHeaders(response, said), isUsual: true, withheldBy: undefined }
}

const longest = 31_536_000

const secondsOf = (millis: number): number => Math.min(longest, Math.floor(millis / 1000))

const lifetimeText = (ttl: number, softTtl: number): string => {
  if (ttl <= 0) return "no-store"
  const fresh = secondsOf(Math.min(ttl, softTtl))
  return `max-age=${fresh}, stale-while-revalidate=${secondsOf(ttl) - fresh}`
}

/** The lifetime of a strategy in the words of HTTP. An example shows what it does with stale values. */
const strategyText = (strategy: Strategy.Strategy<Response, any, any>, response: Response): string | undefined => {
  const lifetime = strategy.lifetime(Exit.succeed(response), undefined)
  if (lifetime === "skip") return undefined
  const ttl = secondsOf(lifetime.ttl)
  const soft = Math.min(ttl, secondsOf(lifetime.softTtl))
  const decided = (now: number) =>
    strategy.decide(
      { createdAt: 0, softExpiresAt: soft, expiresAt: ttl, loadMillis: 0, outcome: "success", reads: 0 },
      now,
      () => 0.5
    )
  const isFresh = decided(0) === "Serve" || decided(0) === "ServeAndRefresh"
  const fresh = isFresh ? soft : 0
  const left = ttl - fresh
  if (left === 0) return `max-age=${fresh}`
  return decided(fresh) === "ServeAndRefresh"
    ? `max-age=${fresh}, stale-while-revalidate=${left}, stale-if-error=${left}`
    : `max-age=${fresh}, stale-if-error=${left}`
}
