/** Runs a handler in place of an origin, and makes of its response one that a shared cache may keep. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Cached from "../../Cached.ts"
import { LoadTimeout } from "../../CacheError.ts"
import { http } from "../../internal/defaults/options.ts"
import { Outside } from "../../internal/options/annotations.ts"
import * as Strategy from "../../Strategy.ts"
import * as Ttl from "../../Ttl.ts"
import type { Origin } from "../client/call.ts"
import { renderStatus } from "../rules/cacheStatus.ts"
import { listOf } from "../rules/fields.ts"
import { isHeuristic } from "../rules/storing.ts"
import { lasting } from "./lasting.ts"
import { watched } from "./reading.ts"

type Response = HttpServerResponse.HttpServerResponse

export type Handler = Effect.Effect<Response, unknown, any>

/** How to cache responses that say nothing about caching and answer requests without credentials. */
interface Usual {
  /** Their `Cache-Control`. */
  readonly control: string | ((response: Response) => string | undefined) | undefined
  readonly inherits: boolean
  /** Their lifetime in this cache alone. */
  readonly strategy: Strategy.Strategy<Response, any, any> | undefined
}

/** Whether a response is removed with the entries that its handler reads. */
export const Inherits: Context.Reference<boolean> = Context.Reference<boolean>(
  "effect-cached/HttpCacheMiddleware/inherits",
  { defaultValue: () => false }
)

/** A field for this cache alone, which is removed before the response is sent. */
export const ownField = "effect-cached-control"

/** The failure of a handler, as an origin that cannot be reached. */
class HandlerFailed {
  readonly failure: Cause.Cause<unknown>
  constructor(failure: Cause.Cause<unknown>) {
    this.failure = failure
  }
}

/** Fields with which a client could steer a response, although they are in no key. */
const steering =
  /^(forwarded|x-forwarded-(host|proto|port|prefix|server|scheme|path|uri)|x-(host|original-(url|uri|host)|rewrite-url|http-method-override|method-override))$/

/** The handler as the origin of one request of the server. */
export class HandlerOrigin implements Origin {
  readonly handler: Handler
  readonly request: HttpServerRequest.HttpServerRequest
  readonly usual: Usual
  readonly context: Context.Context<never>

  constructor(
    handler: Handler,
    request: HttpServerRequest.HttpServerRequest,
    usual: Usual,
    context: Context.Context<never>
  ) {
    this.handler = handler
    this.request = request
    this.usual = usual
    this.context = context
  }

  execute(asked: HttpClientRequest): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError> {
    return handle(this, asked)
  }

  within(context: Context.Context<never>): Origin {
    return new HandlerOrigin(this.handler, this.request, this.usual, context)
  }

  again(asked: HttpClientRequest): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError> {
    return Effect.provideContext(this.execute(asked), this.context)
  }
}

const handle = (
  { context, handler, request, usual }: HandlerOrigin,
  asked: HttpClientRequest
): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError> => {
  const isLoad = asked.method === "GET" || asked.method === "HEAD"
  const shown = unsteered(asked.headers)
  const reading = isLoad ? watched(shown) : undefined
  const given = reading === undefined ? request : request.modify({ headers: reading.headers })
  const inheriting = usual.inherits ? Effect.provideService(handler, Inherits, true) : handler
  const ofRequest = Context.getOrUndefined(context, Scope.Scope)
  const kept = isLoad && ofRequest !== undefined ? lasting(inheriting, ofRequest) : inheriting
  return Effect.provideService(kept as Effect.Effect<Response>, HttpServerRequest.HttpServerRequest, given).pipe(
    Effect.zip(Cached.annotated),
    // The handler annotates also where its response passes.
    Effect.provideService(Outside, { annotations: undefined }),
    Effect.flatMap(([response, annotations]) => {
      const read = Array.from(reading?.fields ?? [])
      const said = isLoad
        ? tagged(saying(response, shown, { ...usual, annotations, read }))
        : Effect.succeed(response)
      return Effect.map(said, (response) => {
        const answer = HttpServerResponse.toClientResponse(response, { request: asked })
        const isPersonal = read.some((name) => shown[name] !== undefined && !varies(response, name))
        originals.set(answer, { response, tags: annotations.tags ?? [], isPersonal })
        return answer
      })
    }),
    Effect.catchCause((cause) =>
      Cause.hasInterrupts(cause) ? Effect.failCause(cause as Cause.Cause<never>) : Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({ request: asked, cause: new HandlerFailed(cause) })
        })
      )
    )
  )
}

const varies = ({ headers }: Response, name: string): boolean =>
  listOf(headers["vary"]).some((one) => one.toLowerCase() === name)

interface Original {
  readonly response: Response
  readonly tags: ReadonlyArray<string>
  /** Whether a field of the request was read that may identify the user, and `Vary` does not name it. */
  readonly isPersonal: boolean
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

/** The handler has failed like an origin that answers with 500, unless it could not reach a server that it asked. */
export const failedAs = (error: HttpClientError.HttpClientError): number | undefined => {
  const { cause } = error.reason as { readonly cause?: unknown }
  if (cause instanceof LoadTimeout) return 504
  const failure = cause instanceof HandlerFailed
    ? Option.getOrUndefined(Cause.findErrorOption(cause.failure))
    : undefined
  return HttpClientError.isHttpClientError(failure) && failure.reason._tag === "TransportError" ? undefined : 500
}

const unsteered = (headers: Headers.Headers): Headers.Headers => {
  const names = Object.keys(headers).filter((name) => steering.test(name))
  return names.length === 0 ? headers : Headers.removeMany(headers, names)
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

interface Said extends Omit<Usual, "inherits"> {
  readonly annotations: Cached.Annotations
  /** The fields that were read and may identify the user. */
  readonly read: ReadonlyArray<string>
}

/**
 * Gives a response that says nothing about caching the usual directives. Applies only to requests without credentials,
 * because the handler may answer users differently.
 */
const saying = (
  response: Response,
  asked: Headers.Headers,
  { annotations, control, read, strategy }: Said
): Response => {
  const { headers } = response
  if (headers["cache-control"] !== undefined || headers["expires"] !== undefined) return response
  const credentials = new Set(["authorization", "cookie", ...read])
  for (const name of credentials) if (asked[name] !== undefined) return response
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
  if (usual === undefined) return response
  const vary = [headers["vary"] ?? [], ...credentials].flat().join(", ")
  return HttpServerResponse.setHeaders(response, { [own === undefined ? "cache-control" : ownField]: usual, vary })
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
  const isFresh = decided(0) === Strategy.Serve || decided(0) === Strategy.ServeAndRefresh
  const fresh = isFresh ? soft : 0
  const left = ttl - fresh
  if (left === 0) return `max-age=${fresh}`
  return decided(fresh) === Strategy.ServeAndRefresh
    ? `max-age=${fresh}, stale-while-revalidate=${left}, stale-if-error=${left}`
    : `max-age=${fresh}, stale-if-error=${left}`
}
