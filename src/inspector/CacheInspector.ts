/**
 * A page that shows what a cache holds and does: its entries, loads, size and events. It invalidates by hand, too.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpRouter from "effect/http/HttpRouter"
import type { ServeError } from "effect/http/HttpServerError"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { CacheConfigError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { checkOptions } from "../internal/options/options.ts"
import * as Tokens from "../internal/token.ts"
import * as Protocol from "./api.ts"
import { byToken, type Guard, refused } from "./guard.ts"
import { httpChecks, type HttpOptions, loopback, serverChecks, type ServerOptions } from "./options.ts"
import { mount } from "./server.ts"

/**
 * The protocol of the page, for programs that look at a cache of another process: an `HttpApi` of `effect/http-api`.
 * Send the token as `Authorization: Bearer`, and `Origin` with the host of the inspector.
 *
 * **Example** (The endpoints)
 *
 * ```ts
 * import { CacheInspector } from "effect-cached/inspector"
 *
 * Object.keys(CacheInspector.Api.groups) // => ["reads", "acts"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const Api: typeof Protocol.Api = Protocol.Api

type Caches<Id> = { readonly caches?: ReadonlyArray<Context.Key<Id, Caching.Shape>> | undefined }

const hostsOf = (hosts: ReadonlyArray<string>): ReadonlySet<string> => new Set(hosts.map((host) => host.toLowerCase()))

const redacted = (token: string | Redacted.Redacted): Redacted.Redacted =>
  Redacted.isRedacted(token) ? token : Redacted.make(token, { label: "token" })

/**
 * Adds the page to the program's own `HttpRouter`, at a path.
 *
 * **When to use**
 *
 * Use in a server that people reach anyway, behind its sign-on (`authorize`) or with a token.
 *
 * **Details**
 *
 * - Open `https://shop.example/cache#token=…`. The part after `#` is not sent; the page sends it as `Authorization`.
 * - The numbers are those of the process that answers. Invalidations reach all processes, as from code.
 *
 * **Gotchas**
 *
 * Behind a proxy, `hosts` must have the name that browsers use, and the proxy must pass `Host` on.
 *
 * **Example** (A page on a router)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { HttpRouter, HttpServer } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { CacheInspector } from "effect-cached/inspector"
 *
 * const inspector = CacheInspector.layerHttp({
 *   path: "/cache",
 *   hosts: ["shop.example"],
 *   token: "0123456789abcdef0123456789abcdef"
 * })
 * const app = Layer.provide(inspector, [CacheLayer.memory(), HttpServer.layerServices])
 * const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
 * const response = await handler(new Request("http://shop.example/cache/api/overview", { method: "POST" }))
 * response.status // => 403
 * await Effect.runPromise(Effect.promise(dispose))
 * ```
 *
 * @see {@link layer} for a server of its own
 * @category layers
 * @since 0.1.0
 */
export const layerHttp = <Id = Caching.Caching, E = never, R = never>(
  options: HttpOptions<E, R> & Caches<Id>
): Layer.Layer<never, never, Id | HttpRouter.HttpRouter | Exclude<R, HttpServerRequest>> => {
  checkOptions("CacheInspector.layerHttp", options, httpChecks)
  const { authorize, hosts, path, token, ...common } = options
  return Layer.unwrap(Effect.map(Effect.context<never>(), (context) => {
    const guard: Guard = {
      hosts: hostsOf(hosts),
      authorize: authorize === undefined ? byToken(redacted(token!)) : (request) =>
        authorize.pipe(
          Effect.provideContext(Context.add(context, HttpServerRequest, request) as Context.Context<any>),
          // The answer does not say why, because that may be a secret.
          Effect.mapError(() => refused(403, "You may not look at this cache"))
        )
    }
    return mount({ guard, path, options: common })
  })) as Layer.Layer<never, never, any>
}

/**
 * Serves the page on a port of its own, on loopback unless `host` says otherwise, and prints its URL to stderr once.
 * Needs the package `@effect/platform-node`.
 *
 * **When to use**
 *
 * Use during development, and in programs that have no server.
 *
 * **Details**
 *
 * - Without `token`, the URL has a random one. It is never logged, because log lines are shipped to other places.
 * - If the port is in use, the layer fails with a `ServeError` of `effect/http`.
 *
 * **Example** (A page during development)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { CacheLayer } from "effect-cached"
 * import { CacheInspector } from "effect-cached/inspector"
 *
 * const cache = CacheInspector.layer({ values: true }).pipe(Layer.provideMerge(CacheLayer.memory()))
 * Layer.isLayer(cache) // => true
 * ```
 *
 * @see {@link layerHttp} for a page on the program's own server
 * @category layers
 * @since 0.1.0
 */
export const layer = <Id = Caching.Caching>(
  options: ServerOptions & Caches<Id> = {}
): Layer.Layer<never, ServeError | CacheConfigError, Id> => {
  checkOptions("CacheInspector.layer", options, serverChecks)
  const { host = "127.0.0.1", hosts = [], port = 0, required = true, token, ...common } = options
  const serving = Layer.unwrap(Effect.gen(function*() {
    const own = token ?? Tokens.make(yield* Tokens.Seed).next(16)
    const { serve } = yield* Effect.tryPromise({
      try: () => import("./listen.ts"),
      catch: () =>
        new CacheConfigError({
          message: "CacheInspector.layer needs the package \"@effect/platform-node\": npm install @effect/platform-node"
        })
    })
    const guard: Guard = { hosts: hostsOf([...loopback, ...hosts]), authorize: byToken(redacted(own)) }
    return serve(mount({ guard, path: "/", options: common }), {
      host,
      port,
      secret: token === undefined ? own as string : undefined
    })
  }))
  return required
    ? serving as Layer.Layer<never, any, any>
    : Layer.catchTag(serving as Layer.Layer<never, ServeError, any>, "ServeError", ({ cause }) =>
      Layer.effectDiscard(
        Effect.logWarning(`The inspector of the cache is not served on port ${port}, and the program continues`, cause)
      )) as Layer.Layer<never, any, any>
}
