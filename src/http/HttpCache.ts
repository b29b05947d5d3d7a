/**
 * Caches the endpoints of an `HttpApi` and the requests of `Rpc`, in clients and in servers, by one annotation.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Option from "effect/Option"
import * as Rpc from "effect/rpc/Rpc"
import type * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Stream from "effect/Stream"
import { Caching } from "../Caching.ts"
import { checkOptions, type Checks, mistake, optional, refuseUnless, within } from "../internal/options/options.ts"
import { type Calls, callsOf, type EndpointOptions, type Run, type RunStream, type Side } from "./endpoints/calls.ts"
import { knownPlaceOf, ofEndpoint, ofRpc, TagName, tagOf } from "./endpoints/described.ts"

/**
 * The request as the functions of an annotation get it: the parts of a request, or the payload of an `Rpc`.
 * @category models
 * @since 0.1.0
 */
type Request<E> = E extends Rpc.Any ? Rpc.Payload<E>
  : E extends HttpApiEndpoint.ConstraintRequest ? {
      readonly params: E["~Params"]["Type"]
      readonly query: E["~Query"]["Type"]
      readonly payload: E["~Payload"]["Type"]
      readonly headers: E["~Headers"]["Type"]
    }
  : never

/**
 * The value of an endpoint. For a stream there is none.
 * @category models
 * @since 0.1.0
 */
type Value<E> = E extends Rpc.Any ? Rpc.SuccessExit<E>
  : E extends HttpApiEndpoint.Constraint ? E["~Success"]["Type"]
  : never

/**
 * The annotation of endpoints that are cached, or that invalidate others.
 *
 * **When to use**
 *
 * Use with `endpoint.annotate` or `rpc.annotate`. `annotate` does the same, and knows the types of the endpoint.
 *
 * **Example** (An annotated endpoint)
 *
 * ```ts
 * import { Context, Schema } from "effect"
 * import { HttpApiEndpoint } from "effect/http-api"
 * import { HttpCache } from "effect-cached/http"
 *
 * const news = HttpApiEndpoint.get("news", "/news", { success: Schema.String })
 *   .annotate(HttpCache.Endpoint, { strategy: { ttl: "1 minute" }, shared: true })
 * Context.get(news.annotations as Context.Context<HttpCache.Endpoint>, HttpCache.Endpoint).shared // => true
 * ```
 *
 * @see {@link annotate}
 * @category annotations
 * @since 0.1.0
 */
export class Endpoint extends Context.Service<Endpoint, EndpointOptions>()("effect-cached/HttpCache/Endpoint") {}

/**
 * Annotates an endpoint of an `HttpApi`, or an `Rpc`: it is cached, or invalidates others.
 *
 * **Details**
 *
 * - The key of a result is made of the endpoint and the parts of the request that have schemas.
 * - Nothing happens until `client`, `handlers`, `rpcClient` or `rpcHandlers` puts a cache there.
 *
 * **Example** (A read and a write)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { HttpApiEndpoint } from "effect/http-api"
 * import { HttpCache } from "effect-cached/http"
 *
 * const params = { id: Schema.FiniteFromString }
 * const getUser = HttpApiEndpoint.get("getUser", "/users/:id", { params, success: Schema.String }).pipe(
 *   HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
 * )
 * const putUser = HttpApiEndpoint.put("putUser", "/users/:id", { params }).pipe(
 *   HttpCache.annotate({ invalidates: ({ params }) => [HttpCache.tag(getUser, params)] })
 * )
 * putUser.identifier // => "putUser"
 * ```
 *
 * @see {@link tag} for the tags that `invalidates` names
 * @category annotations
 * @since 0.1.0
 */
export const annotate = <E extends HttpApiEndpoint.ConstraintRequest | Rpc.Any>(
  options: EndpointOptions<Request<E>, Value<E>>
) =>
(endpoint: E): E => {
  const annotated = (endpoint as any).annotate(Endpoint, options)
  // Endpoints of two groups may have one name, and have different paths.
  const name = "_tag" in endpoint ? endpoint._tag : `${annotated.identifier} ${annotated.path}`
  return annotated.annotate(TagName, { name, places: new Set() })
}

/**
 * The tag of all cached results of an endpoint or, with its parameters or payload, of those for them.
 *
 * **When to use**
 *
 * Use in `invalidates` of an annotation, and with `Cached.invalidate({ tag })`. It reaches the results for all callers,
 * of clients and of servers, whatever their `partition`.
 *
 * **Example** (A tag)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { HttpApiEndpoint } from "effect/http-api"
 * import { HttpCache } from "effect-cached/http"
 *
 * const list = HttpApiEndpoint.get("listUsers", "/users", { success: Schema.Array(Schema.String) })
 * HttpCache.tag(list) // => "http:endpoint:listUsers"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const tag = <E extends HttpApiEndpoint.ConstraintRequest | Rpc.Any>(
  endpoint: E,
  of?: E extends Rpc.Any ? Rpc.Payload<E> : E extends HttpApiEndpoint.ConstraintRequest ? E["~Params"]["Type"] : never
): string => tagOf(endpoint as any, of, knownPlaceOf(endpoint as any))

/**
 * The options of `client`, `handlers`, `rpcClient` and `rpcHandlers`.
 * @category options
 * @since 0.1.0
 */
export interface Options<out R = never> {
  /**
   * A text for the caller: calls with different texts share no results. It runs for each call of an endpoint that is
   * not `shared`.
   * @default none: all cached endpoints must be `shared`
   */
  readonly partition?: Effect.Effect<string, never, R> | undefined
  /**
   * A name for the server, if one cache is for several. Results of different servers are kept apart, and those of all
   * are invalidated together.
   * @default none
   */
  readonly server?: string | undefined
}

const checks: Checks<Options<any>> = {
  partition: optional((partition) =>
    refuseUnless(Effect.isEffect(partition), "partition must be an effect of a string, such as Effect.succeed(\"me\")")
  ),
  server: optional((server) => refuseUnless(typeof server === "string", "server must be a string"))
}

const sideOf = (name: Side["name"], of: string, options: Options<any>): Side => {
  within(`HttpCache.${of}`, () => checkOptions("it", options, checks))
  return { name, partition: options.partition, server: options.server }
}

type Annotated = { readonly annotations: Context.Context<never> }

const annotationOf = ({ annotations }: Annotated): EndpointOptions | undefined =>
  annotations.mapUnsafe.get(Endpoint.key) as EndpointOptions | undefined

interface Known {
  readonly name: string
  readonly calls: Calls
}

/** Replaces those functions of a record whose calls the cache knows. */
const replacing = <H extends object, K extends Known>(
  record: H,
  known: ReadonlyArray<K>,
  around: (calls: Calls, given: any, known: K) => unknown
): Effect.Effect<any, never, Caching> =>
  Effect.map(Caching, (caching) => {
    const cached: any = { ...record }
    for (const one of known) {
      if (cached[one.name] !== undefined) cached[one.name] = around(over(one.calls, caching), cached[one.name], one)
    }
    return cached
  })

const over = ({ effect, invalidate, stream }: Calls, caching: Caching["Service"]): Calls => ({
  invalidate,
  effect: (request, run) => Effect.provideService(effect(request, run), Caching, caching),
  stream: (request, run) => Stream.provideService(stream(request, run), Caching, caching)
})

/**
 * Caches the calls of an `HttpApiClient` as the annotations of its endpoints say.
 *
 * **When to use**
 *
 * Use in a program that calls an `HttpApi`. Values are decoded once, and then served as they are.
 *
 * **Details**
 *
 * - Calls that want the response itself (`responseMode`) pass. If they change something, they invalidate nevertheless.
 * - The key does not contain the base URL: give each of the clients of several servers a `server` or a cache.
 *
 * **Example** (One call for two)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 * import { HttpApi, HttpApiClient, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCache } from "effect-cached/http"
 *
 * const news = HttpApiEndpoint.get("news", "/news", { success: Schema.String }).pipe(
 *   HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
 * )
 * const api = HttpApi.make("api").add(HttpApiGroup.make("pages").add(news))
 *
 * let requests = 0
 * const origin = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, Response.json(`news ${++requests}`))))
 *
 * const program = Effect.gen(function*() {
 *   const plain = yield* HttpApiClient.makeWith(api, { httpClient: origin, baseUrl: "http://example.com" })
 *   const client = yield* HttpCache.client(api, plain)
 *   return [yield* client.pages.news(), yield* client.pages.news()]
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["news 1", "news 1"]
 * ```
 *
 * @see {@link handlers} for the server
 * @category combinators
 * @since 0.1.0
 */
export const client = <Id extends string, Groups extends HttpApiGroup.Constraint, C extends object>(
  api: HttpApi.HttpApi<Id, Groups>,
  client: C,
  options: Options = {}
): Effect.Effect<C, never, Caching> => {
  const side = sideOf("client", "client", options)
  const groups = Object.values(api.groups) as ReadonlyArray<HttpApiGroup.Top>
  const known = groups.flatMap((group) =>
    Object.values(group.endpoints as Endpoints).flatMap((endpoint) => {
      const calls = callsOf(ofEndpoint(api, group.identifier, endpoint), annotationOf(endpoint), side)
      if (calls === undefined) return []
      const { identifier: name } = endpoint
      if (group.topLevel) requireMethod("client", client, name)
      else requireMethod("client", (client as any)[group.identifier], name, `${group.identifier}.${name}`)
      return [{ group, name, calls }]
    })
  )
  const cachedOf = (methods: object, of: (group: HttpApiGroup.Top) => boolean) =>
    replacing(
      methods,
      known.filter(({ group }) => of(group)),
      (calls, method) => (request: any) =>
        calls.invalidate || (request?.responseMode ?? "decoded-only") === "decoded-only"
          ? calls.effect(request ?? {}, method(request))
          : method(request)
    )
  return Effect.gen(function*() {
    const cached = yield* cachedOf(client, ({ topLevel }) => topLevel)
    for (const group of new Set(known.map(({ group }) => group))) {
      if (!group.topLevel) cached[group.identifier] = yield* cachedOf(cached[group.identifier], (one) => one === group)
    }
    return cached
  })
}

type Endpoints = { readonly [name: string]: HttpApiEndpoint.Top }

const requireMethod = (of: string, methods: any, name: string, path = name): void => {
  if (typeof methods?.[name] === "function") return
  throw mistake(`HttpCache.${of}: the client has no method ${path}. Pass the client of the whole API or group`)
}

/**
 * Caches what the handlers of a group return, before it is encoded, as the annotations of its endpoints say.
 *
 * **When to use**
 *
 * Use around the record of handlers that `handleAll` takes, in the function of `HttpApiBuilder.group`.
 *
 * **Details**
 *
 * - Middleware of an endpoint runs for each request, and so do its checks of callers.
 * - Unless an endpoint is `shared`, `partition` names the caller, such as the user that a middleware provides.
 * - A response that a handler makes itself is not stored.
 * - For `304`, and to encode a result once, put `HttpCacheMiddleware` with `inherit: "changes"` around the router: it
 *   stores the responses of `shared` endpoints for as long as their results, unless these have middleware, or schemas
 *   of `headers`.
 *
 * **Example** (A group)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { HttpRouter, HttpServer } from "effect/http"
 * import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCache } from "effect-cached/http"
 *
 * const news = HttpApiEndpoint.get("news", "/news", { success: Schema.String }).pipe(
 *   HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
 * )
 * const api = HttpApi.make("api").add(HttpApiGroup.make("pages").add(news))
 *
 * let runs = 0
 * const pages = HttpApiBuilder.group(api, "pages", (handlers) =>
 *   HttpCache.handlers(api, "pages", { news: () => Effect.sync(() => `news ${++runs}`) }).pipe(
 *     Effect.map((all) => handlers.handleAll(all))
 *   ))
 * const app = HttpApiBuilder.layer(api).pipe(
 *   Layer.provide([pages, HttpServer.layerServices]),
 *   Layer.provide(CacheLayer.memory())
 * )
 * const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
 * await handler(new Request("http://localhost/news"))
 * const second = await handler(new Request("http://localhost/news"))
 * await second.json() // => "news 1"
 * await dispose()
 * ```
 *
 * @see {@link client} for the client
 * @category combinators
 * @since 0.1.0
 */
export const handlers = <
  Id extends string,
  Groups extends HttpApiGroup.Constraint,
  const Name extends HttpApiGroup.Identifier<Groups>,
  H extends HandlersOf<HttpApiGroup.WithIdentifier<Groups, Name>>,
  PR = never
>(
  api: HttpApi.HttpApi<Id, Groups>,
  group: Name,
  handlers: H,
  options: Options<PR> = {}
): Effect.Effect<CachedHandlers<H, PR>, never, Caching> => {
  const side = sideOf("server", "handlers", options)
  const endpoints = (api.groups as unknown as { readonly [name: string]: HttpApiGroup.Top })[group]?.endpoints
  if (endpoints === undefined) throw mistake(`HttpCache.handlers: the API has no group "${group}"`)
  const known = Object.keys(handlers).flatMap((name) => {
    if (endpoints[name] === undefined) throw mistake(`HttpCache.handlers: the group has no endpoint "${name}"`)
    const calls = callsOf(ofEndpoint(api, group, endpoints[name]!), annotationOf(endpoints[name]!), side)
    return calls === undefined ? [] : [{ name, calls }]
  })
  return replacing(handlers, known, (calls, given) => {
    const handler: (request: any) => Run = typeof given === "function" ? given : given.handler
    const around = (request: any) => calls.effect(request, Effect.suspend(() => handler(request)))
    return typeof given === "function" ? around : { ...given, handler: around }
  })
}

/**
 * The handlers of a group of an `HttpApi`.
 * @category models
 * @since 0.1.0
 */
type HandlersOf<Group extends HttpApiGroup.Constraint> = {
  readonly [E in HttpApiGroup.Endpoints<Group> as HttpApiEndpoint.Identifier<E>]?: HandlerOf<E> | {
    readonly handler: HandlerOf<E>
    readonly options?: { readonly uninterruptible?: boolean | undefined } | undefined
  }
}

type HandlerOf<E extends HttpApiEndpoint.Constraint> = HttpApiEndpoint.Handler<
  E,
  HttpApiEndpoint.MiddlewareError<E>,
  any
>

const cachedRpcs = (group: RpcGroup.RpcGroup<any>, side: Side) => {
  const rpcs = Array.from((group.requests as ReadonlyMap<string, Rpc.AnyWithProps>).values())
  return rpcs.flatMap((rpc) => {
    const calls = callsOf(ofRpc(rpcs, rpc), annotationOf(rpc), side)
    return calls === undefined ? [] : [{ name: rpc._tag, rpc, calls }]
  })
}

/**
 * Caches the calls of an `RpcClient` as the annotations of its requests say.
 *
 * **Details**
 *
 * - Streams are stored while they arrive, as by `Cached.stream`.
 * - Calls with `headers`, `context`, `asQueue` or `discard` pass. If they change something, they invalidate
 *   nevertheless, except with `asQueue`.
 * - The key does not contain the server: give each of the clients of several servers a `server` or a cache.
 *
 * **Example** (One call for two)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Rpc, RpcGroup, RpcTest } from "effect/rpc"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCache } from "effect-cached/http"
 *
 * const group = RpcGroup.make(
 *   Rpc.make("News", { success: Schema.String }).pipe(
 *     HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
 *   )
 * )
 * let runs = 0
 * const program = Effect.gen(function*() {
 *   const client = yield* HttpCache.rpcClient(group, yield* RpcTest.makeClient(group))
 *   return [yield* client.News(), yield* client.News()]
 * }).pipe(Effect.scoped, Effect.provide(group.toLayer({ News: () => Effect.sync(() => `news ${++runs}`) })))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["news 1", "news 1"]
 * ```
 *
 * @see {@link rpcHandlers} for the server
 * @category combinators
 * @since 0.1.0
 */
export const rpcClient = <Rpcs extends Rpc.Any, E>(
  group: RpcGroup.RpcGroup<Rpcs>,
  client: RpcClient.RpcClient<Rpcs, E>,
  options: Options = {}
): Effect.Effect<RpcClient.RpcClient<Rpcs, E>, never, Caching> => {
  const known = cachedRpcs(group, sideOf("client", "rpcClient", options))
  for (const { name } of known) requireMethod("rpcClient", client, name)
  return replacing(client, known, (calls, method, { rpc }) => (input: any, options?: any) => {
    if (!calls.invalidate && passing.some((name) => options?.[name] !== undefined)) return method(input, options)
    const made = rpc.payloadSchema.makeOption(input)
    // The call itself tells what is wrong with its payload.
    if (Option.isNone(made) || options?.asQueue === true) return method(input, options)
    const payload = made.value
    const run = method(payload, options)
    return Stream.isStream(run) ? calls.stream({ payload }, run as RunStream) : calls.effect({ payload }, run)
  })
}

const passing = ["headers", "context", "asQueue", "discard"]

/**
 * Caches what the handlers of an `RpcGroup` return, before it is encoded, as the annotations of its requests say.
 *
 * **When to use**
 *
 * Use around the record of handlers that `group.toLayer` takes.
 *
 * **Details**
 *
 * - Unless a request is `shared`, `partition` names the caller, such as the user that a middleware provides.
 * - Streams are stored while they arrive, as by `Cached.stream`.
 *
 * **Example** (A group)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Rpc, RpcGroup, RpcTest } from "effect/rpc"
 * import { CacheLayer } from "effect-cached"
 * import { HttpCache } from "effect-cached/http"
 *
 * const group = RpcGroup.make(
 *   Rpc.make("News", { success: Schema.String }).pipe(
 *     HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
 *   )
 * )
 * let runs = 0
 * const handlers = group.toLayer(HttpCache.rpcHandlers(group, { News: () => Effect.sync(() => `news ${++runs}`) }))
 * const program = Effect.gen(function*() {
 *   const client = yield* RpcTest.makeClient(group)
 *   return [yield* client.News(), yield* client.News()]
 * }).pipe(Effect.scoped, Effect.provide(handlers))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["news 1", "news 1"]
 * ```
 *
 * @see {@link rpcClient} for the client
 * @category combinators
 * @since 0.1.0
 */
export const rpcHandlers = <Rpcs extends Rpc.Any, H extends RpcGroup.HandlersFrom<Rpcs>, PR = never>(
  group: RpcGroup.RpcGroup<Rpcs>,
  handlers: H,
  options: Options<PR> = {}
): Effect.Effect<CachedHandlers<H, PR>, never, Caching> => {
  const known = cachedRpcs(group, sideOf("server", "rpcHandlers", options))
  return replacing(handlers, known, (calls, handler, { rpc }) => {
    const isStream = RpcSchema.isStreamSchema(rpc.successSchema)
    return (payload: any, options: any) =>
      Rpc.wrapMap(
        handler(payload, options),
        (run: any): object => isStream ? calls.stream({ payload }, streamOf(run)) : calls.effect({ payload }, run)
      )
  })
}

/**
 * Handlers with a cache.
 * @category models
 * @since 0.1.0
 */
export type CachedHandlers<H, PR> = {
  readonly [Tag in keyof H]: H[Tag] extends { readonly handler: infer Handler }
    ? Omit<H[Tag], "handler"> & { readonly handler: CachedHandler<Handler, PR> }
    : CachedHandler<H[Tag], PR>
}

type CachedHandler<Handler, PR> = Handler extends (...args: infer Args) => infer Result
  ? (...args: Args) => WithServices<Result, PR>
  : never

type WithServices<Result, More> = Result extends Effect.Effect<infer A, infer E, infer R> ?
  Effect.Effect<A, E, R | More>
  : Result extends Stream.Stream<infer A, infer E, infer R> ? Stream.Stream<A, E, R | More>
  : Result extends Rpc.Wrapper<infer Inner> ? Rpc.Wrapper<WithServices<Inner, More>>
  : never

/** A handler may also return an effect of a queue. */
const streamOf = (run: RunStream | Run): RunStream =>
  Stream.isStream(run)
    ? run
    : Stream.unwrap(Effect.map(run as Run, (queue) => Stream.fromQueue(queue as never) as RunStream))
