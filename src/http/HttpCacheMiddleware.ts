/**
 * A shared cache in front of the handlers of an HTTP server (RFC 9111), and its purge.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as CachePolicy from "../CachePolicy.ts"
import { Caching } from "../Caching.ts"
import { http } from "../internal/defaults/options.ts"
import {
  checkOptions,
  type Checks,
  isFlag,
  isListOfText,
  optional,
  refuseUnless,
  within
} from "../internal/options/options.ts"
import type { Input } from "../Strategy.ts"
import * as Ttl from "../Ttl.ts"
import type { Client } from "./client/call.ts"
import { answer, callAt } from "./client/execute.ts"
import { getNow } from "./client/get.ts"
import type { CommonOptions } from "./client/options.ts"
import * as Parts from "./client/options.ts"
import { type Named, resourceAt } from "./client/places.ts"
import type { Fields } from "./rules/fields.ts"
import { clearsCache } from "./rules/invalidation.ts"
import { ownField } from "./rules/targeted.ts"
import { asHandled, failedAs, type Handler, originalOf, originOf } from "./server/handled.ts"
import { normals, purged } from "./server/purge.ts"
import { toServer } from "./server/response.ts"
import { shownTo, unsteered } from "./server/shown.ts"
import { keyed, type Sent, sentOf } from "./server/url.ts"

type Request = HttpServerRequest.HttpServerRequest

/**
 * The options of `make`, `layer` and `route`.
 * @category options
 * @since 0.1.0
 */
export interface Options extends CommonOptions {
  /**
   * `Cache-Control` of the responses that say nothing about caching: a value, or a function of the response. It holds
   * for anonymous requests, whose responses reach no others, also if it says `public`. A value does not apply to errors
   * such as 401 and 500.
   * @default none: such responses are not stored
   */
  readonly cacheControl?: string | ((response: HttpServerResponse.HttpServerResponse) => string | undefined) | undefined
  /**
   * How long this cache keeps the responses that say nothing about caching, without telling clients, which validate
   * them. It holds for the same requests and statuses as a value of `cacheControl`, and in place of it.
   * @default none: such responses are not stored
   */
  readonly strategy?: Input<HttpServerResponse.HttpServerResponse, any, any> | undefined
  /**
   * `"changes"`: a response is removed, or expires, with any entry that its handler has read through the cache.
   * @default a response is stored whatever its handler has read
   */
  readonly inherit?: "changes" | undefined
  /**
   * The hosts whose responses are cached, with their ports. Requests for others reach the handler.
   * @default all: each host has responses of its own
   */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** The query parameters that are no part of the key, or `true` for all. Handlers do not see them. @default none */
  readonly ignoreQuery?: ReadonlyArray<string> | boolean | undefined
  /** Whether the order of query parameters does not count. Handlers see them sorted by name. @default `false` */
  readonly sortQuery?: boolean | undefined
  /**
   * Whether a request may make the handler run by `Cache-Control`, `If-Match`, `If-Unmodified-Since` or `Upgrade`
   * although there is a stored response.
   * @default `true`
   */
  readonly requestDirectives?: boolean | undefined
  /**
   * Whether a request with `Clear-Site-Data: "cache"` may make the handler load what it reads again.
   * @default none may
   */
  readonly allowReload?: ((request: Request) => boolean) | undefined
}

/** HTTP counts lifetimes in seconds. */
const secondMillis = 1000
const times = ["ttl", "softTtl", "refreshAfter"] as const
type Times = { readonly [name in typeof times[number]]?: Ttl.Input | ((exit: never) => unknown) }

const checks: Checks<Options> = {
  cacheControl: optional((control) =>
    refuseUnless(
      typeof control === "function" || (typeof control === "string" && control !== ""),
      "cacheControl must be a value of Cache-Control, such as \"max-age=60\", or a function of the response"
    )
  ),
  strategy: optional((given) => {
    const { countsReads, name, touch } = CachePolicy.strategyOf(given!)
    refuseUnless(
      countsReads !== true && touch === undefined,
      `strategy cannot be "${name}": the lifetime of a response is fixed, so the strategy must not count reads or extend entries`
    )
    // A field of a strategy of one's own is its own affair, whatever its name.
    if ("decide" in given!) return
    for (const name of times) {
      const time = (given as Times)[name]
      if (time === undefined || typeof time === "function") continue
      const millis = Ttl.toMillis(time, name)
      refuseUnless(
        millis <= 0 || millis >= secondMillis,
        `${name} must be at least one second, because HTTP counts lifetimes in seconds`
      )
    }
  }),
  inherit: optional((inherit) => refuseUnless(inherit === "changes", "inherit must be \"changes\"")),
  hosts: optional((hosts) =>
    refuseUnless(
      isListOfText(hosts) && hosts.length > 0,
      "hosts must be a list of at least one host, such as [\"example.com\"]"
    )
  ),
  ignoreQuery: optional((names) =>
    refuseUnless(typeof names === "boolean" || isListOfText(names), "ignoreQuery must be true, or a list of names")
  ),
  sortQuery: isFlag("sortQuery"),
  requestDirectives: isFlag("requestDirectives"),
  allowReload: optional((allow) =>
    refuseUnless(typeof allow === "function", "allowReload must be a function from a request to true or false")
  ),
  ...Parts.checks
}

/**
 * Middleware that answers requests from the cache of the context, as a shared cache in front of the handlers.
 *
 * **When to use**
 *
 * Use to compose it with other middleware. For a whole router, use `layer`; for some of its routes, use `route`.
 *
 * **Details**
 *
 * - Handlers say by `Cache-Control` what may be stored, and for how long. `Surrogate-Key`, `Cache-Tag` and `xkey` name
 *   tags, and are removed from the response.
 * - All requests of a resource that run at the same time wait for one run of the handler. If it fails, its own request
 *   fails, and the others run the handler themselves.
 * - A response without `ETag` gets one of its body. A request that has the version already gets `304` without a body.
 * - `stale-while-revalidate` and `stale-if-error` are obeyed, the latter also if the handler fails.
 * - Never stored: responses that say nothing, responses with cookies, and event streams.
 * - A request is anonymous if each of its fields is on the list of fields that cannot name a user, or in `Vary` of the
 *   response. `Cookie`, `X-Api-Key` and any field that is not known are not on it, and `Authorization` counts whatever
 *   `Vary` says. Responses to other requests are shared, and other requests are answered from the cache, only if the
 *   response itself says `public` or `s-maxage`, or has one of the `targets`.
 * - A hit runs nothing inside this middleware. Checks that each request must pass belong around it. What is added to a
 *   response inside it, also by `HttpRouter.cors`, compression and other pre-response handlers, is judged and stored,
 *   and the answer to a failure lacks it.
 * - The key is the scheme, the host, the path, the query and what `Vary` names. Handlers of `GET` and `HEAD` do not see
 *   fields that change what the request is, such as `X-Forwarded-Host`: put `HttpMiddleware.xForwardedHeaders` around
 *   this one.
 * - `GET` and `HEAD` with a body pass by.
 *
 * **Example** (One handler)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpServerRequest, HttpServerResponse } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCacheMiddleware } from "effect-cached/http"
 *
 * let runs = 0
 * const page = Effect.sync(() => HttpServerResponse.text(`page ${++runs}`))
 * const request = HttpServerRequest.fromWeb(new Request("http://localhost/"))
 * const program = Effect.gen(function*() {
 *   const cached = yield* HttpCacheMiddleware.make({ cacheControl: "max-age=60" })
 *   yield* cached(page)
 *   const second = yield* cached(page)
 *   return [second.headers["cache-status"]?.split("; ttl")[0], runs]
 * }).pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["effect-cached; hit", 1]
 * ```
 *
 * @see {@link layer} for all routes of a router
 * @see {@link route} for some of them
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ) => Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    E | HttpClientError,
    R | HttpServerRequest.HttpServerRequest
  >,
  never,
  Caching
> => {
  within("HttpCacheMiddleware", () => checkOptions("it", options, checks))
  const { allowCookies = false, inherit = false, targets = [] } = options
  const respond = answerWith(options)
  return Effect.map(
    Parts.clientOf({ ...options, targets: [...targets, ownField] }, {
      mode: "shared",
      scope: "server",
      storesCookies: allowCookies,
      failedAs,
      inherit,
      about: originalOf,
      keyed: (href) => keyed(href, options)
    }),
    (self) => {
      normals.set(self.caching, [...normals.get(self.caching) ?? [], options])
      return (app) => Effect.withFiber((fiber) => respond(self, app as Handler, fiber))
    }
  )
}

/**
 * Answers the requests of a router from the cache of the context.
 *
 * **When to use**
 *
 * Use to put a cache in front of all routes of an `HttpRouter`.
 *
 * **Example** (A router)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCacheMiddleware } from "effect-cached/http"
 *
 * const page = HttpServerResponse.text("hello", { headers: { "cache-control": "max-age=60" } })
 * const app = Layer.mergeAll(HttpRouter.add("GET", "/", page), HttpCacheMiddleware.layer())
 *   .pipe(Layer.provide(CacheLayer.memory({ capacity: 1000 })))
 * const { dispose, handler } = HttpRouter.toWebHandler(app)
 * await handler(new Request("http://localhost/"))
 * const response = await handler(new Request("http://localhost/"))
 * response.headers.get("cache-status")?.split("; ttl")[0] // => "effect-cached; hit"
 * await dispose()
 * ```
 *
 * @see {@link route} for some of the routes
 * @see {@link purge} for a route that removes responses
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, HttpRouter.HttpRouter | Caching> =>
  HttpRouter.middleware(make(options) as Effect.Effect<any, never, Caching>, { global: true }) as Layer.Layer<
    never,
    never,
    HttpRouter.HttpRouter | Caching
  >

/**
 * Answers the requests of the routes to which it is provided from the cache of the context.
 *
 * **When to use**
 *
 * Use to cache some routes of an `HttpRouter`. In a router with `layer`, the options of `layer` hold for all routes.
 *
 * **Example** (One route)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCacheMiddleware } from "effect-cached/http"
 *
 * let runs = 0
 * const page = Effect.sync(() => HttpServerResponse.text(`page ${++runs}`))
 * const app = Layer.mergeAll(
 *   HttpRouter.add("GET", "/", page),
 *   HttpRouter.add("GET", "/cached", page).pipe(
 *     Layer.provide(HttpCacheMiddleware.route({ cacheControl: "max-age=60" }))
 *   )
 * ).pipe(Layer.provide(CacheLayer.memory({ capacity: 1000 })))
 * const { dispose, handler } = HttpRouter.toWebHandler(app)
 * for (const path of ["/", "/", "/cached", "/cached"]) await handler(new Request(`http://localhost${path}`))
 * runs // => 3
 * await dispose()
 * ```
 *
 * @see {@link layer} for all routes of a router
 * @category layers
 * @since 0.1.0
 */
export const route = (options: Options = {}): Layer.Layer<never, never, Caching> =>
  HttpRouter.middleware(make(options) as Effect.Effect<any, never, Caching>).layer as never

/**
 * The options of `purge`.
 * @category options
 * @since 0.1.0
 */
interface PurgeOptions {
  /** The path of the route, such as `"/purge"`. */
  readonly path: `/${string}`
  /** The text that a request must send: `Authorization: Bearer …`. */
  readonly secret: Redacted.Redacted<string>
}

/**
 * Adds a route by which others remove stored responses: `PURGE` or `POST`, with URLs, tags and groups.
 *
 * **Details**
 *
 * - The request names them in its query, `?url=…&tag=…&group=…`, each as often as needed, or as JSON: `{ "urls": […],
 *   "tags": […], "groups": […], "soft": true }`. URLs are complete, and so are groups: `https://example.com group`. It
 *   makes no difference in which order `sortQuery` has their parameters, and whether `ignoreQuery` leaves some out.
 * - It is answered with `204` when the store has acknowledged the removal, and with `503` if it has not.
 * - With `soft`, the responses become stale, and a failing handler may still be answered by them.
 * - A request without the secret gets `401`. The secret is compared in constant time.
 *
 * **Example** (A router that can be purged)
 *
 * ```ts
 * import { Layer, Redacted } from "effect"
 * import { HttpRouter } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCacheMiddleware } from "effect-cached/http"
 *
 * const app = Layer.mergeAll(
 *   HttpCacheMiddleware.purge({ path: "/purge", secret: Redacted.make("from the configuration") }),
 *   HttpCacheMiddleware.layer()
 * ).pipe(Layer.provide(CacheLayer.memory()))
 * const { dispose, handler } = HttpRouter.toWebHandler(app)
 * const response = await handler(new Request("http://localhost/purge?tag=users", { method: "POST" }))
 * response.status // => 401
 * await dispose()
 * ```
 *
 * @see {@link layer}
 * @category layers
 * @since 0.1.0
 */
export const purge = (options: PurgeOptions): Layer.Layer<never, never, HttpRouter.HttpRouter | Caching> => {
  within("HttpCacheMiddleware.purge", () =>
    checkOptions<PurgeOptions>("it", options, {
      path: (path) =>
        refuseUnless(typeof path === "string" && path.startsWith("/"), "path must begin with a /, such as \"/purge\""),
      secret: (secret) =>
        refuseUnless(
          Redacted.isRedacted(secret) && typeof Redacted.value(secret) === "string" && Redacted.value(secret) !== "",
          "secret must be a Redacted text that is not empty: Redacted.make(…), or Config.redacted(…)"
        )
    }))
  const { path, secret } = options
  return Layer.unwrap(
    Effect.map(
      Caching,
      (caching) =>
        HttpRouter.add("*", path, (request) => Effect.provideService(purged(request, secret), Caching, caching))
    )
  )
}

/**
 * Adds to an OpenAPI document `304` of each `GET`, and the fields `ETag`, `Age` and `Cache-Status`.
 *
 * **When to use**
 *
 * Use with the annotation `OpenApi.Transform` of an `HttpApi` whose router has this middleware.
 *
 * **Example** (A document)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
 * import { HttpCacheMiddleware } from "effect-cached/http"
 *
 * const news = HttpApiEndpoint.get("news", "/news", { success: Schema.String })
 * const api = HttpApi.make("api").add(HttpApiGroup.make("pages").add(news))
 *   .annotate(OpenApi.Transform, HttpCacheMiddleware.openApi)
 * Object.keys(OpenApi.fromApi(api).paths["/news"]!.get!.responses) // => ["200", "304"]
 * ```
 *
 * @see {@link layer}
 * @category annotations
 * @since 0.1.0
 */
export const openApi = (document: Record<string, any>): Record<string, any> => {
  const paths = Object.entries<Record<string, any>>(document["paths"] ?? {}).map(([path, { get, ...others }]) => {
    if (get === undefined) return [path, others]
    const responses = Object.entries<Record<string, any>>(get.responses ?? {}).map(([status, response]) => [
      status,
      status.startsWith("2") ? { ...response, headers: { ...fieldsOfDocument, ...response["headers"] } } : response
    ])
    const unchanged = { description: "The client has this version already", headers: fieldsOfDocument }
    return [path, { ...others, get: { ...get, responses: { "304": unchanged, ...Object.fromEntries(responses) } } }]
  })
  return { ...document, paths: Object.fromEntries(paths) }
}

const field = (type: string, description: string) => ({ description, schema: { type } })

const fieldsOfDocument = {
  ETag: field("string", "The version, for If-None-Match"),
  Age: field("integer", "The age in seconds, if the response was stored"),
  "Cache-Status": field("string", "How the cache has answered (RFC 9211)")
}

type Respond = (
  self: Client,
  handler: Handler,
  fiber: Fiber.Fiber<any, any>
) => Effect.Effect<HttpServerResponse.HttpServerResponse, any, any>

const answerWith = (options: Options): Respond => {
  const { allowReload, hosts, requestDirectives = true } = options
  const allowed = hosts && new Set(hosts.map((host) => host.toLowerCase()))
  const named = namesOf(options)
  const usual = { ...options, strategy: options.strategy && CachePolicy.strategyOf(options.strategy) }
  return (self, handler, fiber) => {
    const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
    const resource = named(request)
    const { method } = request
    const isLoad = method === "GET" || method === "HEAD"
    const outer = fiber.getRef(Handling)
    if (resource !== undefined && outer?.caching === self.caching && outer.href === resource.named.href) return handler
    const headers = isLoad ? unsteered(request.headers) : request.headers
    if (resource === undefined || allowed?.has(resource.sent.host) === false || (isLoad && hasBody(request))) {
      return isLoad ? passing(handler, shownTo(request, { headers, method, sent: undefined })) : handler
    }
    const reloads = allowReload !== undefined && clearsCache(headers) && allowReload(request)
    const heard = requestDirectives || !isLoad ? headers : Headers.removeMany(headers, forcing)
    const fields = reloads ? Headers.set(heard, "cache-control", "no-cache") : heard
    const clock = fiber.getRef(Clock.Clock)
    if (method === "GET") {
      const hit = getNow(callAt(self, { ...ofHit, clock, fields: fields as Fields }, resource.named), fiber)
      if (hit !== undefined) return Effect.succeed(toServer(hit))
    }
    const { context } = fiber
    const handling = Effect.provideService(handler, Handling, { caching: self.caching, href: resource.named.href })
    const origin = originOf({
      handler: reloads ? CachePolicy.invalidating(handling) : handling,
      request,
      sent: resource.sent,
      usual,
      harmless: self.harmless,
      context,
      isInterruptible: (fiber as { readonly interruptible?: boolean }).interruptible !== false
    })
    const call = callAt(self, {
      origin,
      clock,
      request: HttpClientRequest.make(method as "GET")(resource.named.href, { headers: fields }),
      fields: fields as Fields,
      asksWhole: method === "GET" || !isOfHead(context)
    }, resource.named)
    // Servers run middleware where nothing interrupts it. The wait may be interrupted; the handler is run as there.
    const asked = Effect.catch(Effect.map(Effect.interruptible(answer(call)), toServer), asHandled)
    // A router does not find by `GET` the route that answers only `HEAD`.
    const given = method !== "HEAD" ?
      asked :
      Effect.catchIf(
        asked,
        isNotFound,
        () => passing(handler, shownTo(request, { headers, method, sent: resource.sent }))
      )
    return Effect.provideService(given, Caching, self.caching)
  }
}

/** The fields by which a client could make the handler run. */
const forcing = ["cache-control", "pragma", "if-match", "if-unmodified-since", "upgrade"]

/** A request with a body, which no key contains, and which may never come. */
const hasBody = ({ headers, source }: Request): boolean =>
  (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined ||
  (source instanceof globalThis.Request
    ? source.body !== null
    : (source as { readonly stream?: { readonly endAfterHeaders?: boolean } }).stream?.endAfterHeaders === false)

const isNotFound = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"

/** Whether a route answers `HEAD` itself, whose empty body is not the page. */
const isOfHead = (context: Context.Context<never>): boolean =>
  Context.getOrUndefined(context as Context.Context<HttpRouter.RouteContext>, HttpRouter.RouteContext)?.route.method ===
    "HEAD"

const passing = (handler: Handler, shown: Request): Handler =>
  Effect.provideService(handler, HttpServerRequest.HttpServerRequest, shown)

/** The request that an outer middleware is answering from the same cache. Answering it again would wait for itself. */
const Handling = Context.Reference<{ readonly caching: Client["caching"]; readonly href: string } | undefined>(
  "effect-cached/HttpCacheMiddleware/handling",
  { defaultValue: () => undefined }
)

/** A hit sends no request to the handler, so that all share these. */
const ofHit = { origin: { execute: () => Effect.die("a hit asks no origin") }, request: HttpClientRequest.get("") }

interface Resource {
  readonly named: Named
  readonly sent: Sent
}

/** A request that has been seen: its URL as routers show it, and what makes its resource another one. */
interface Known {
  readonly originalUrl: string
  readonly host: string | undefined
  readonly protocol: string | undefined
  readonly resource: Resource
}

/** Finds the resource of a request. Remembers some, because it takes as long as an answer from memory. */
const namesOf = (options: Options): (request: Request) => Resource | undefined => {
  const known = new Map<string, Known>()
  return (request) => {
    const { headers: { host }, originalUrl, protocol, url: shown } = request
    const before = known.get(shown)
    if (before?.originalUrl === originalUrl && before.host === host && before.protocol === protocol) {
      return before.resource
    }
    const sent = sentOf(request, options)
    if (sent === undefined) return undefined
    const resource = { named: resourceAt("server ", sent.url), sent }
    if (originalUrl.length > http.longestNamed) return resource
    known.set(shown, { originalUrl, host, protocol, resource })
    if (known.size > http.mostNamed) known.delete(known.keys().next().value!)
    return resource
  }
}
