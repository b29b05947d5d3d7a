/** Endpoints of `HttpApi` and `Rpc` that an annotation caches, in clients and in servers. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Redacted, Schema, SchemaGetter, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { HttpCache, HttpCacheMiddleware } from "effect-cached/http"
import { MemoryStore } from "effect-cached/memory"
import {
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity
} from "effect/http-api"
import { Rpc, RpcGroup, RpcTest } from "effect/rpc"
import { TestClock } from "effect/testing"
import type { EndpointOptions } from "../../src/http/endpoints/calls.ts"
import { test, testIn } from "../support/tests.ts"

const testInMemory = testIn(CacheLayer.memory())

const minute = { ttl: "1 minute" } as const

class User extends Schema.Class<User>("User")({ id: Schema.Finite, name: Schema.String, at: Schema.DateFromString }) {}
class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
class Me extends Context.Service<Me, string>()("Me") {}
class Auth extends HttpApiMiddleware.Service<Auth, { provides: Me }>()("Auth") {}

const params = { id: Schema.FiniteFromString }
const getUser = HttpApiEndpoint.get("getUser", "/users/:id", {
  params,
  query: { verbose: Schema.optionalKey(Schema.String) },
  success: User,
  error: Gone
}).pipe(
  HttpCache.annotate({ strategy: minute, shared: true, tags: ({ params }, user) => [`user:${params.id}`, user.name] })
)
const putUser = HttpApiEndpoint.put("putUser", "/users/:id", { params }).pipe(
  HttpCache.annotate({ invalidates: ({ params }) => [HttpCache.tag(getUser, params)] })
)
const search = HttpApiEndpoint.post("search", "/search", {
  payload: Schema.Struct({ text: Schema.String }),
  success: HttpApiSchema.WithHeaders(Schema.String, { "x-total": Schema.FiniteFromString })
}).annotate(HttpCache.Endpoint, { strategy: minute, shared: true })
const me = HttpApiEndpoint.get("me", "/me", { success: Schema.String })
  .pipe(HttpCache.annotate({ strategy: minute })).middleware(Auth)
const plain = HttpApiEndpoint.get("plain", "/plain", { success: Schema.String })
const api = HttpApi.make("api").add(HttpApiGroup.make("users").add(getUser, putUser, search, me, plain))

const partition = Effect.map(Effect.serviceOption(Me), (one) => one._tag === "Some" ? one.value : "anonymous")

/** A server of the API whose handlers count their runs. `ask` sends a request. */
const serving = Effect.fnUntraced(function*(cached: boolean) {
  const runs: Record<string, number> = {}
  const ran = (name: string) => Effect.sync(() => runs[name] = (runs[name] ?? 0) + 1)
  const caching = yield* Effect.context<never>()
  let names = "Ann"
  const all = {
    getUser: ({ params: { id } }: { readonly params: { readonly id: number } }) =>
      Effect.flatMap(
        ran("getUser"),
        () => id === 404 ? Effect.fail(new Gone()) : Effect.succeed(new User({ id, name: names, at: new Date(0) }))
      ),
    putUser: () => Effect.asVoid(Effect.tap(ran("putUser"), () => Effect.sync(() => names = "Bob"))),
    search: ({ payload }: { readonly payload: { readonly text: string } }) =>
      Effect.map(
        ran("search"),
        () => HttpApiSchema.withHeaders({ body: `found ${payload.text}`, headers: { "x-total": 3 } })
      ),
    me: () => Effect.flatMap(ran("me"), () => Effect.map(Me, (name) => `I am ${name}`)),
    plain: () => Effect.map(ran("plain"), String)
  }
  const ofCache = yield* HttpCache.handlers(api, "users", all, { partition: Me })
  const users = HttpApiBuilder.group(
    api,
    "users",
    (handlers) => handlers.handleAll(cached ? ofCache : all as never as typeof ofCache)
  )
  const auth = Layer.succeed(
    Auth,
    (app) =>
      Effect.flatMap(
        HttpServerRequest.HttpServerRequest,
        ({ headers }) => Effect.provideService(app, Me, headers["authorization"] ?? "anonymous")
      )
  )
  const { dispose, handler } = HttpRouter.toWebHandler(
    HttpApiBuilder.layer(api).pipe(
      Layer.provide([users as never, HttpServer.layerServices]),
      Layer.provide(auth),
      Layer.provide(Layer.succeedContext(caching))
    ) as Layer.Layer<never, never, HttpRouter.HttpRouter>,
    { disableLogger: true }
  )
  yield* Effect.addFinalizer(() => Effect.promise(dispose))
  const ask = (path: string, init?: RequestInit) =>
    Effect.promise(async () => {
      const response = await handler(new Request(`http://example.com${path}`, init))
      return { status: response.status, text: await response.text(), headers: response.headers }
    })
  const client = yield* HttpApiClient.makeWith(api, {
    baseUrl: "http://example.com",
    httpClient: HttpClient.make((request) =>
      Effect.promise(async (signal) =>
        HttpClientResponse.fromWeb(
          request,
          await handler(await Effect.runPromise(HttpClientRequest.toWeb(request, { signal }) as Effect.Effect<Request>))
        )
      )
    )
  })
  return { runs, ask, client }
})

const inMemory = Effect.provide(CacheLayer.memory())
const overStore = Effect.provide(Layer.provide(CacheLayer.layer({ memory: false }), MemoryStore.layer))

describe.each([["memory", inMemory], ["a store", overStore]] as const)("HttpApi over %s", (_, over) => {
  it.effect("the server runs a handler once for its params, query and payload, until a mutation names it", () =>
    Effect.gen(function*() {
      const { ask, runs } = yield* serving(true)
      const first = yield* ask("/users/1")
      expect(JSON.parse(first.text)).toEqual({ id: 1, name: "Ann", at: "1970-01-01T00:00:00.000Z" })
      expect((yield* ask("/users/1")).text).toBe(first.text)
      yield* ask("/users/2")
      yield* ask("/users/1?verbose=x")
      expect(runs["getUser"]).toBe(3)
      expect((yield* ask("/users/1", { method: "PUT" })).status).toBe(204)
      expect(JSON.parse((yield* ask("/users/1")).text).name).toBe("Bob")
      expect(JSON.parse((yield* ask("/users/2")).text).name).toBe("Ann")
      expect(runs["getUser"]).toBe(4)
      yield* Cached.invalidate({ tag: "user:2" })
      yield* ask("/users/2")
      expect(runs["getUser"]).toBe(5)
      yield* TestClock.adjust("1 minute")
      yield* ask("/users/2")
      expect(runs["getUser"]).toBe(6)
    }).pipe(Effect.scoped, over))

  it.effect("failures are not stored, and a wrong request reaches the checks of the API", () =>
    Effect.gen(function*() {
      const { ask, runs } = yield* serving(true)
      expect((yield* ask("/users/404")).text).toContain("Gone")
      yield* ask("/users/404")
      expect(runs["getUser"]).toBe(2)
      expect((yield* ask("/users/x")).status).toBe(400)
    }).pipe(Effect.scoped, over))

  it.effect("a payload is part of the key, and declared headers of the response are stored", () =>
    Effect.gen(function*() {
      const { ask, runs } = yield* serving(true)
      const post = (text: string) =>
        ask("/search", {
          method: "POST",
          body: JSON.stringify({ text }),
          headers: { "content-type": "application/json" }
        })
      yield* post("a")
      const hit = yield* post("a")
      expect([hit.text, hit.headers.get("x-total")]).toEqual(["\"found a\"", "3"])
      expect((yield* post("b")).text).toBe("\"found b\"")
      expect(runs["search"]).toBe(2)
    }).pipe(Effect.scoped, over))

  it.effect("what is not shared is kept for each caller, and what has no annotation is not kept", () =>
    Effect.gen(function*() {
      const { ask, runs } = yield* serving(true)
      const as = (authorization: string) => ask("/me", { headers: { authorization } })
      expect((yield* as("ann")).text).toBe("\"I am ann\"")
      expect((yield* as("bob")).text).toBe("\"I am bob\"")
      expect((yield* as("ann")).text).toBe("\"I am ann\"")
      expect((yield* ask("/me")).text).toBe("\"I am anonymous\"")
      expect(runs["me"]).toBe(3)
      yield* ask("/plain")
      yield* ask("/plain")
      expect(runs["plain"]).toBe(2)
    }).pipe(Effect.scoped, over))

  it.effect("a client decodes a value once, and a mutation of it reaches what it has stored", () =>
    Effect.gen(function*() {
      const { client, runs } = yield* serving(false)
      const { users } = yield* HttpCache.client(api, client, { partition })
      const first = yield* users.getUser({ params: { id: 1 }, query: {} })
      expect(first).toBeInstanceOf(User)
      const second = yield* users.getUser({ params: { id: 1 }, query: {} })
      expect(second).toEqual(first)
      expect(runs["getUser"]).toBe(1)
      expect((yield* users.getUser({ params: { id: 1 }, query: {}, responseMode: "response-only" })).status).toBe(200)
      expect(runs["getUser"]).toBe(2)
      yield* users.putUser({ params: { id: 1 } })
      expect((yield* users.getUser({ params: { id: 1 }, query: {} })).name).toBe("Bob")
      expect(yield* Effect.flip(users.getUser({ params: { id: 404 }, query: {} }))).toBeInstanceOf(Gone)
      const found = yield* users.search({ payload: { text: "a" } })
      expect([found.body, found.headers["x-total"]]).toEqual(["found a", 3])
      expect((yield* users.search({ payload: { text: "a" } })).headers["x-total"]).toBe(3)
      expect(runs["search"]).toBe(1)
    }).pipe(Effect.scoped, over))

  it.effect("a client keeps results for each partition", () =>
    Effect.gen(function*() {
      const { client, runs } = yield* serving(false)
      const { users } = yield* HttpCache.client(api, client, { partition })
      for (const name of ["ann", "bob", "ann"]) yield* Effect.provideService(users.me(), Me, name)
      expect(runs["me"]).toBe(2)
    }).pipe(Effect.scoped, over))
})

describe("HttpApi behind HttpCacheMiddleware", () => {
  let encoded = 0
  const Counted = Schema.String.pipe(
    Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.transform((text: string) => `${text}, encoded ${++encoded} times`)
    })
  )
  const soft = { strategy: { strategy: "softTtl", softTtl: "1 minute", ttl: "1 hour" }, shared: true } as const
  const get = HttpApiEndpoint.get("get", "/shared/:id", { params, success: Counted }).pipe(HttpCache.annotate(soft))
  const put = HttpApiEndpoint.put("put", "/shared/:id", { params }).pipe(
    HttpCache.annotate({ invalidates: ({ params }) => [HttpCache.tag(get, params)] })
  )
  const ofTongue = HttpApiEndpoint.get("ofTongue", "/tongue", {
    headers: { "accept-language": Schema.String },
    success: Schema.String
  }).pipe(HttpCache.annotate(soft))
  const checked = HttpApiEndpoint.get("checked", "/checked", { success: Schema.String })
    .pipe(HttpCache.annotate(soft)).middleware(Auth)
  const hourly = HttpApiEndpoint.get("hourly", "/hourly", { success: Counted })
    .pipe(HttpCache.annotate({ strategy: { ttl: "1 hour" }, shared: true }))
  const pages = HttpApi.make("pages").add(HttpApiGroup.make("all").add(get, put, ofTongue, checked, hourly))

  const start = Effect.fnUntraced(function*(options: HttpCacheMiddleware.Options) {
    const caching = yield* Effect.context<never>()
    const runs = { get: 0 }
    // A check of something that no field of a request tells, such as the address of the caller.
    const callers = { mayPass: true }
    let name = "Ann"
    const all = HttpApiBuilder.group(pages, "all", (handlers) =>
      HttpCache.handlers(pages, "all", {
        get: ({ params: { id } }) => Effect.sync(() => `${id}: ${name}, run ${++runs.get}`),
        put: () => Effect.sync(() => void (name = "Bob")),
        ofTongue: ({ headers }) => Effect.succeed(`in ${headers["accept-language"]}`),
        checked: () => Effect.succeed("secret"),
        hourly: () => Effect.map(Clock.currentTimeMillis, (now) => `at ${now}`)
      }).pipe(Effect.map((record) => handlers.handleAll(record))))
    const auth = Layer.succeed(Auth, (app) =>
      Effect.suspend(() =>
        callers.mayPass
          ? Effect.provideService(app, Me, "me")
          : Effect.succeed(HttpServerResponse.empty({ status: 403 }))
      ))
    const handler = yield* HttpRouter.toHttpEffect(
      Layer.mergeAll(HttpApiBuilder.layer(pages), HttpCacheMiddleware.layer(options)).pipe(
        Layer.provide([all, HttpServer.layerServices]),
        Layer.provide(auth),
        Layer.provide(Layer.succeedContext(caching))
      ) as Layer.Layer<never, never, HttpRouter.HttpRouter>
    )
    const ask = (path: string, init?: RequestInit) =>
      Effect.flatMap(
        Effect.provideService(
          handler as Effect.Effect<HttpServerResponse.HttpServerResponse>,
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request(`http://example.com${path}`, init))
        ),
        (response) =>
          Effect.promise(async () => {
            const { body, headers, status } = HttpServerResponse.toWeb(response)
            return { status, text: await new Response(body).text(), headers }
          })
      )
    return { runs, ask, callers }
  })

  testInMemory("a result is encoded once, for as long as it is stored and no mutation names it", function*() {
    encoded = 0
    const { ask, runs } = yield* start({ inherit: "changes" })
    const first = yield* ask("/shared/1")
    expect(first.text).toBe("\"1: Ann, run 1, encoded 1 times\"")
    yield* TestClock.adjust("50 seconds")
    const second = yield* ask("/shared/1")
    expect([second.text, second.headers.get("cache-control")]).toEqual([first.text, null])
    const etag = second.headers.get("etag")!
    expect((yield* ask("/shared/1", { headers: { "if-none-match": etag } })).status).toBe(304)
    expect([runs.get, encoded]).toEqual([1, 1])
    yield* ask("/shared/1", { method: "PUT" })
    expect((yield* ask("/shared/1")).text).toBe("\"1: Bob, run 2, encoded 2 times\"")
    yield* TestClock.adjust("59 seconds")
    yield* ask("/shared/1")
    expect([runs.get, encoded]).toEqual([2, 2])
  })

  testInMemory("a response ends with the result that it was made of, however old that was", function*() {
    encoded = 0
    const { ask } = yield* start({ inherit: "changes" })
    const first = yield* ask("/hourly")
    yield* TestClock.adjust("59 minutes")
    yield* Cached.invalidate({ tag: "http:url:http://example.com/hourly" })
    const second = yield* ask("/hourly")
    yield* TestClock.adjust("30 seconds")
    expect((yield* ask("/hourly")).text).toBe(second.text)
    expect([first.text, second.text]).toEqual(["\"at 0, encoded 1 times\"", "\"at 0, encoded 2 times\""])
    yield* TestClock.adjust("31 seconds")
    expect((yield* ask("/hourly")).text).toBe("\"at 3601000, encoded 3 times\"")
  })

  testInMemory(
    "without inherit, what depends on fields, and what a middleware checks, is no response to others",
    function*() {
      encoded = 0
      const plain = yield* start({})
      yield* plain.ask("/shared/3")
      yield* plain.ask("/shared/3")
      expect([plain.runs.get, encoded]).toEqual([1, 2])
      const { ask, callers } = yield* start({ inherit: "changes" })
      const inTongue = (tongue: string) => ask("/tongue", { headers: { "accept-language": tongue } })
      expect([(yield* inTongue("de")).text, (yield* inTongue("fr")).text]).toEqual(["\"in de\"", "\"in fr\""])
      expect((yield* ask("/checked")).text).toBe("\"secret\"")
      callers.mayPass = false
      expect((yield* ask("/checked")).status).toBe(403)
    }
  )
})

describe("HttpApi with security behind HttpCacheMiddleware", () => {
  const key = { key: "X-Api-Key" } as const
  const success = HttpApiSchema.WithHeaders(Schema.String, { "cache-control": Schema.optionalKey(Schema.String) })

  test.each<[string, HttpApiSecurity.ApiKey, string | undefined, string]>([
    ["a field, under cacheControl", HttpApiSecurity.apiKey(key), undefined, "x-api-key"],
    ["a field, with an explicit lifetime", HttpApiSecurity.apiKey(key), "max-age=60", "x-api-key"],
    ["a cookie, under cacheControl", HttpApiSecurity.apiKey({ key: "key", in: "cookie" }), undefined, "cookie"],
    [
      "a cookie, with an explicit lifetime",
      HttpApiSecurity.apiKey({ key: "key", in: "cookie" }),
      "max-age=60",
      "cookie"
    ],
    ["Authorization, with an explicit lifetime", HttpApiSecurity.bearer as never, "max-age=60", "authorization"]
  ])("a response to someone who has shown a key in %s is for no other", function*([, apiKey, control, field]) {
    class Checked extends HttpApiMiddleware.Service<Checked, { provides: Me }>()("Checked", {
      error: HttpApiError.Unauthorized,
      security: { apiKey }
    }) {}
    const inbox = HttpApiEndpoint.get("inbox", "/inbox", { success }).middleware(Checked)
    const guarded = HttpApi.make("guarded").add(HttpApiGroup.make("all").add(inbox))
    const all = HttpApiBuilder.group(
      guarded,
      "all",
      (handlers) =>
        handlers.handle("inbox", () =>
          Effect.map(Me, (name) =>
            HttpApiSchema.withHeaders({
              body: `mail for ${name}`,
              headers: control === undefined ? {} : { "cache-control": control }
            })))
    )
    const checked = Layer.succeed(Checked, {
      apiKey: (app, { credential }) => {
        const name = Redacted.value(credential as Redacted.Redacted<string>)
        return name === "" ? Effect.fail(new HttpApiError.Unauthorized()) : Effect.provideService(app, Me, name)
      }
    })
    const options = control === undefined ? { cacheControl: "max-age=60" } : {}
    const { dispose, handler } = HttpRouter.toWebHandler(
      Layer.mergeAll(HttpApiBuilder.layer(guarded), HttpCacheMiddleware.layer(options)).pipe(
        Layer.provide([all, HttpServer.layerServices]),
        Layer.provide(checked),
        Layer.provide(CacheLayer.memory())
      ),
      { disableLogger: true }
    )
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    const as = (name?: string) => {
      const value = field === "cookie" ? `key=${name}` : field === "authorization" ? `Bearer ${name}` : `${name}`
      const headers: Record<string, string> = name === undefined ? {} : { [field]: value }
      return Effect.promise(async () => {
        const response = await handler(new Request("http://example.com/inbox", { headers }))
        return response.status === 200 ? await response.text() : response.status
      })
    }
    const answers = [yield* as(), yield* as("ann"), yield* as("bob"), yield* as(), yield* as("ann")]
    expect(answers).toEqual([401, "\"mail for ann\"", "\"mail for bob\"", 401, "\"mail for ann\""])
  })
})

testInMemory("a response that a handler makes itself is not stored", function*() {
  let runs = 0
  const { news } = yield* HttpCache.handlers(small, "pages", {
    news: () => Effect.sync(() => HttpServerResponse.text(`${++runs}`))
  })
  const ask = news as unknown as (request: object) => Effect.Effect<unknown>
  yield* ask({})
  yield* ask({})
  expect(runs).toBe(2)
})

const small = HttpApi.make("small").add(
  HttpApiGroup.make("pages").add(
    HttpApiEndpoint.get("news", "/news", { success: Schema.String }).pipe(
      HttpCache.annotate({ strategy: minute, shared: true })
    )
  )
)

const Read = Rpc.make("Read", { payload: { id: Schema.Finite }, success: User, error: Gone }).pipe(
  HttpCache.annotate({ strategy: minute, shared: true, tags: ({ id }) => [`read:${id}`] })
)
const Write = Rpc.make("Write", { payload: { id: Schema.Finite } }).pipe(
  HttpCache.annotate({ invalidates: ({ id }) => [HttpCache.tag(Read, { id }), HttpCache.tag(Lines)] })
)
const Lines = Rpc.make("Lines", { success: Schema.Finite, error: Gone, stream: true }).pipe(
  HttpCache.annotate({ strategy: minute, shared: true })
)
const group = RpcGroup.make(Read, Write, Lines)

describe.each(["client", "server"] as const)("Rpc in a %s", (side) => {
  const calling = Effect.gen(function*() {
    const runs: Record<string, number> = {}
    const ran = (name: string) => Effect.sync(() => runs[name] = (runs[name] ?? 0) + 1)
    const handlers = group.of({
      Read: ({ id }) =>
        Effect.flatMap(
          ran("Read"),
          (n) => id === 404 ? Effect.fail(new Gone()) : Effect.succeed(new User({ id, name: `n${n}`, at: new Date(0) }))
        ),
      Write: () => Rpc.fork(Effect.asVoid(ran("Write"))),
      Lines: () => Stream.unwrap(Effect.map(ran("Lines"), (n) => Stream.make(n, n * 10, n * 100)))
    })
    const layer = group.toLayer(side === "server" ? HttpCache.rpcHandlers(group, handlers) : handlers as never)
    const made = yield* RpcTest.makeClient(group).pipe(Effect.provide(yield* Layer.build(layer)))
    return { runs, client: side === "server" ? made : yield* HttpCache.rpcClient(group, made) }
  })

  testInMemory("a request runs once for its payload, until a mutation names it", function*() {
    const { client, runs } = yield* calling
    expect((yield* client.Read({ id: 1 })).name).toBe("n1")
    expect((yield* client.Read({ id: 1 })).name).toBe("n1")
    expect(yield* client.Read({ id: 2 })).toBeInstanceOf(User)
    expect(yield* Effect.flip(client.Read({ id: 404 }))).toBeInstanceOf(Gone)
    expect(runs["Read"]).toBe(3)
    yield* client.Write({ id: 1 })
    expect((yield* client.Read({ id: 1 })).name).toBe("n4")
    expect((yield* client.Read({ id: 2 })).name).toBe("n2")
    yield* Cached.invalidate({ tag: "read:2" })
    yield* client.Read({ id: 2 })
    expect(runs["Read"]).toBe(5)
  })

  testInMemory("a stream is stored", function*() {
    const { client, runs } = yield* calling
    for (let i = 0; i < 2; i++) expect(yield* Stream.runCollect(client.Lines())).toEqual([1, 10, 100])
    yield* client.Write({ id: 1 })
    expect(yield* Stream.runCollect(client.Lines())).toEqual([2, 20, 200])
    expect(runs["Lines"]).toBe(2)
  })
})

it("refuses annotations that are wrong, and a cache that does not know for whom", () => {
  const refused = (annotation: EndpointOptions, options?: HttpCache.Options) => {
    const endpoint = HttpApiEndpoint.get("x", "/x", { success: Schema.String }).annotate(HttpCache.Endpoint, annotation)
    const of = HttpApi.make("api").add(HttpApiGroup.make("g").add(endpoint))
    try {
      HttpCache.handlers(of, "g", { x: () => Effect.succeed("") }, options)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(refused({ strategy: minute, shared: true })).toBeUndefined()
  expect(refused({ strategy: minute }, { partition: Effect.succeed("me") })).toBeUndefined()
  expect(refused({ strategy: minute })).toContain("for whom")
  expect(refused({ strategy: "1 minute" as never, shared: true })).toContain("strategy must be an object")
  expect(refused({ strategy: { tll: 1 } as never, shared: true }))
    .toMatch(/^HttpCache\.Endpoint of "g\/x": there is no option "tll"/)
  expect(refused({ strategy: minute, fallbackOn: 5 as never, shared: true }))
    .toMatch(/^HttpCache\.Endpoint of "g\/x": fallbackOn/)
  expect(refused({ strategie: minute } as never)).toContain("did you mean \"strategy\"")
  expect(refused({ strategy: minute, shared: true, invalidates: () => [] })).toContain("invalidates belongs to")
  expect(refused({ shared: true }, { partition: "me" as never })).toContain("partition must be an effect")
  const stream = HttpApiEndpoint.get("s", "/s", { success: HttpApiSchema.StreamUint8Array() })
    .annotate(HttpCache.Endpoint, { strategy: minute, shared: true })
  const streams = HttpApi.make("api").add(HttpApiGroup.make("g").add(stream))
  expect(() => HttpCache.handlers(streams, "g", { s: () => Effect.succeed(Stream.empty) })).toThrow("is a stream")
})

test("the tag of an endpoint reaches no other one of the same name in another group", function*() {
  const get = (path: `/${string}`) =>
    HttpApiEndpoint.get("get", path, { success: Schema.String }).pipe(
      HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
    )
  const [a, b] = [get("/as"), get("/bs")]
  const tags = [a, b].map((endpoint) => HttpCache.tag(endpoint))
  expect(new Set(tags).size).toBe(2)
  const prefixed = HttpApi.make("api").add(HttpApiGroup.make("as").add(a).prefix("/v1")).groups.as.endpoints.get
  expect(HttpCache.tag(prefixed as typeof a)).toBe(tags[0])
  // As the page says: the prefixes of groups are not in tags.
  expect(HttpCache.tag(get("/as"))).toBe(tags[0])
  yield* Effect.void
})

testInMemory(
  "the tag of an endpoint of one group reaches none of the same name and path in another group",
  function*() {
    const annotated = () =>
      HttpApiEndpoint.get("get", "/:id", { params: { id: Schema.String }, success: Schema.String }).pipe(
        HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
      )
    const [a, b] = [annotated(), annotated()]
    const api = HttpApi.make("api")
      .add(HttpApiGroup.make("as").add(a).prefix("/as"))
      .add(HttpApiGroup.make("bs").add(b).prefix("/bs"))
    let runs = 0
    const get = ({ params }: { readonly params: { readonly id: string } }) =>
      Effect.sync(() => `run ${++runs} for ${params.id}`)
    const plain = { as: { get }, bs: { get } }
    const { as, bs } = yield* HttpCache.client(api, plain)
    const all = Effect.all([as, bs].flatMap(({ get }) => ["1", "2"].map((id) => get({ params: { id } }))))
    const invalidated = (...tags: ReadonlyArray<string>) =>
      Effect.andThen(Effect.forEach(tags, (tag) => Cached.invalidate({ tag })), all)
    expect(yield* all).toEqual(["run 1 for 1", "run 2 for 2", "run 3 for 1", "run 4 for 2"])
    expect(yield* invalidated(HttpCache.tag(a, { id: "2" }))).toEqual([
      ...["run 1 for 1", "run 5 for 2", "run 3 for 1", "run 4 for 2"]
    ])
    expect(yield* invalidated(HttpCache.tag(b))).toEqual(["run 1 for 1", "run 5 for 2", "run 6 for 1", "run 7 for 2"])
    // A process that knows only the endpoint removes the results of both.
    expect(yield* invalidated(HttpCache.tag(annotated()))).toEqual(
      [8, 9, 10, 11].map((run, i) => `run ${run} for ${i % 2 + 1}`)
    )
  }
)
