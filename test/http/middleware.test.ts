/** A shared cache in front of handlers: `HttpCacheMiddleware`. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Redacted, Schema, Stream } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { CachedHttpClient, HttpCacheMiddleware } from "effect-cached/http"
import { MemoryStore } from "effect-cached/memory"
import {
  HttpClient,
  HttpClientError,
  HttpClientResponse,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { TestClock } from "effect/testing"
import { elapse, fakeStore, over, settle, start, started, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"
import { type Handler, inMemory, serving, text } from "./serving.ts"

describe("freshness", () => {
  inMemory("CA-80 · a stored response is served with its age until it ends, by one run for all that wait", function*() {
    const { ask, state } = yield* serving((request, run) => Effect.delay(text("max-age=60")(request, run), "1 second"))
    const all = yield* started(Effect.all(Array.from({ length: 100 }, () => ask()), { concurrency: "unbounded" }))
    yield* TestClock.adjust("1 second")
    const answers = yield* Fiber.join(all)
    expect(new Set(answers.map((answer) => answer.text))).toEqual(new Set(["run 1"]))
    expect(state.runs).toBe(1)
    // The second that the run took counts as age (RFC 9111, section 4.2.3).
    yield* TestClock.adjust("58 seconds")
    const hit = yield* ask()
    expect([hit.text, hit.field("age"), hit.cacheStatus]).toEqual(["run 1", "59", "hit; ttl=1"])
    yield* TestClock.adjust("2 seconds")
    const again = yield* started(ask())
    yield* TestClock.adjust("1 second")
    expect((yield* Fiber.join(again)).text).toBe("run 2")
  })

  inMemory("1,000 forced reloads are one run", function*() {
    const { ask, state } = yield* serving((request, run) => Effect.delay(text("max-age=60")(request, run), "1 second"))
    const forced = ask("/", { headers: { "cache-control": "no-cache" } })
    for (const run of ["run 1", "run 2"]) {
      const all = yield* started(Effect.all(Array.from({ length: 1000 }, () => forced), { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      expect(new Set((yield* Fiber.join(all)).map((answer) => answer.text))).toEqual(new Set([run]))
    }
    expect(state.runs).toBe(2)
  })

  inMemory("a response that says nothing is not stored, unless cacheControl says so for it", function*() {
    const { ask, state } = yield* serving(text())
    yield* ask()
    yield* ask()
    expect(state.runs).toBe(2)
    const usual = yield* serving(text(), {
      cacheControl: ({ status }) => status === 200 ? "max-age=10" : undefined
    })
    yield* usual.ask("/usual")
    yield* usual.ask("/usual")
    expect(usual.state.runs).toBe(1)
    const own = yield* serving(text("no-store"), { cacheControl: "max-age=10" })
    yield* own.ask("/own")
    yield* own.ask("/own")
    expect(own.state.runs).toBe(2)
  })

  inMemory(
    "a stale response is served while one run refreshes it, and if the handler fails or answers with 500",
    function*() {
      let fails: "fails" | "500" | undefined
      const { ask, state } = yield* serving((request, run) =>
        fails === "fails"
          ? Effect.fail("down")
          : fails === "500"
          ? Effect.succeed(HttpServerResponse.text("down", { status: 500 }))
          : text("max-age=10, stale-while-revalidate=10, stale-if-error=100")(request, run)
      )
      yield* ask()
      yield* TestClock.adjust("15 seconds")
      expect((yield* ask()).text).toBe("run 1")
      yield* settle
      expect((yield* ask()).text).toBe("run 2")
      yield* TestClock.adjust("50 seconds")
      for (const how of ["fails", "500"] as const) {
        fails = how
        expect((yield* ask()).text).toBe("run 2")
      }
      yield* TestClock.adjust("100 seconds")
      expect((yield* ask()).status).toBe(500)
      fails = "fails"
      expect(yield* Effect.flip(ask())).toBe("down")
      fails = undefined
      expect((yield* ask()).text).toBe(`run ${state.runs}`)
    }
  )

  inMemory("a response that is stale at once is served to all while one run refreshes it", function*() {
    const control = "max-age=0, stale-while-revalidate=60"
    const { ask, state } = yield* serving((request, run) => Effect.delay(text(control)(request, run), "1 second"))
    expect((yield* taking("1 second", ask())).text).toBe("run 1")
    for (let i = 0; i < 20; i++) {
      const one = yield* started(ask())
      expect(one.pollUnsafe()?._tag).toBe("Success")
    }
    expect(state.runs).toBe(2)
  })

  inMemory("a handler that cannot reach the server that it asks is like an origin that cannot be reached", function*() {
    let isDown = false
    const behind = HttpClient.make((request) =>
      isDown
        ? Effect.fail(
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
        )
        : Effect.succeed(HttpClientResponse.fromWeb(request, new Response("v")))
    )
    const { ask } = yield* serving((request) =>
      Effect.map(behind.get("http://behind.example"), () =>
        HttpServerResponse.text("page", {
          headers: { "cache-control": request.url.includes("strict") ? "max-age=1, must-revalidate" : "max-age=1" }
        }))
    )
    yield* ask("/page")
    yield* ask("/strict")
    isDown = true
    yield* TestClock.adjust("2 seconds")
    const stale = yield* ask("/page")
    expect([stale.text, stale.cacheStatus]).toEqual(["page", "hit; ttl=-1; detail=origin-failed"])
    expect((yield* ask("/strict")).status).toBe(504)
    expect(yield* Effect.flip(ask("/never"))).toBeInstanceOf(HttpClientError.HttpClientError)
  })

  inMemory("CA-80 · a request may force a run, unless requestDirectives is false", function*() {
    const forced = { headers: { "cache-control": "no-cache" } }
    const { ask } = yield* serving(text("max-age=60"))
    yield* ask()
    expect((yield* ask("/", forced)).text).toBe("run 2")
    const deaf = yield* serving(text("max-age=60"), { requestDirectives: false })
    yield* deaf.ask("/deaf")
    expect((yield* deaf.ask("/deaf", forced)).text).toBe("run 1")
  })

  testIn(CacheLayer.memory({ flights: "private" }))(
    "with private flights, each request runs the handler, and WaitUntil gets the refresh",
    function*() {
      const handed: Array<Effect.Effect<void>> = []
      const page = text("max-age=10, stale-while-revalidate=60")
      const { ask, state } = yield* serving(
        (request, run) => Effect.delay(page(request, run), "1 second"),
        {},
        Effect.provideService(CachePolicy.WaitUntil, (rest) => void handed.push(rest))
      )
      const inASecond = Effect.fnUntraced(function*<A, E, R>(self: Effect.Effect<A, E, R>) {
        const fiber = yield* started(self)
        yield* TestClock.adjust("1 second")
        return yield* Fiber.join(fiber)
      })
      const two = Effect.map(
        Effect.all([ask(), ask()], { concurrency: "unbounded" }),
        (answers) => answers.map((answer) => answer.text)
      )
      expect(yield* inASecond(two)).toEqual(["run 1", "run 2"])
      yield* TestClock.adjust("10 seconds")
      const [stale] = yield* two
      expect([yield* two, state.runs]).toEqual([[stale, stale], 2])
      yield* inASecond(handed[0]!)
      expect([yield* two, state.runs]).toEqual([["run 3", "run 3"], 3])
    }
  )
})

inMemory("a hit counts as one, evictions see it, listeners hear of it, and policies change it", function*() {
  const under = { policy: (self: Effect.Effect<any, any, any>) => self }
  const { ask } = yield* serving(text("max-age=60"), {}, (app) => Effect.suspend(() => under.policy(app)) as never)
  for (let i = 0; i < 3; i++) expect((yield* ask()).text).toBe("run 1")
  const stats = yield* Cached.stats
  expect([stats.hits, stats.loads]).toEqual([2, 1])
  expect((yield* Cached.ranking("hot", 1))[0]!.reads).toBe(2)
  under.policy = CachePolicy.bypass
  expect((yield* ask()).text).toBe("run 2")
  under.policy = (self) => self
  const heard: Array<string> = []
  yield* Effect.forkScoped(Stream.runForEach(Cached.events(), (event) => Effect.sync(() => heard.push(event._tag))))
  yield* settle
  expect((yield* ask()).text).toBe("run 1")
  yield* settle
  expect(heard).toEqual(["Hit"])
  expect((yield* Cached.detect(ask()))[1]).toMatchObject([{ source: "memory" }])
})

it("a fetch handler with private flights hands refreshes to the WaitUntil of its request, as Workers need", async () => {
  let runs = 0
  const page = Effect.sync(() =>
    HttpServerResponse.text(`run ${++runs}`, { headers: { "cache-control": "max-age=0, stale-while-revalidate=60" } })
  )
  const { dispose, handler } = HttpRouter.toWebHandler(
    Layer.mergeAll(HttpRouter.add("GET", "/", page), HttpCacheMiddleware.layer()).pipe(
      Layer.provide(CacheLayer.memory({ flights: "private" }))
    ),
    { disableLogger: true }
  )
  const rests: Array<Effect.Effect<void>> = []
  const waitUntil = Context.make(CachePolicy.WaitUntil, (rest) => void rests.push(rest))
  const ask = async () => (await handler(new Request("http://example.com/"), waitUntil)).text()
  expect([await ask(), await ask(), rests.length]).toEqual(["run 1", "run 1", 1])
  for (const rest of rests) await Effect.runPromise(rest)
  expect(await ask()).toBe("run 2")
  await dispose()
})

describe("HttpCacheMiddleware.route", () => {
  const check = HttpRouter.middleware((app) =>
    Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      ({ headers }) => headers["x-key"] === "right" ? app : Effect.succeed(HttpServerResponse.empty({ status: 401 }))
    )
  )
  const cached = HttpCacheMiddleware.route({ cacheControl: "max-age=60" })
  let runs = 0
  const page = Effect.sync(() =>
    HttpServerResponse.text(`run ${++runs}`, { headers: { "cache-control": "public, max-age=60" } })
  )

  const answersOf = async (app: Layer.Layer<never, never, HttpRouter.HttpRouter | Caching.Caching>) => {
    runs = 0
    const { dispose, handler } = HttpRouter.toWebHandler(Layer.provide(app, CacheLayer.memory()), {
      disableLogger: true
    })
    const ask = async (key: string, path = "/") => {
      const response = await handler(new Request(`http://localhost${path}`, { headers: { "x-key": key } }))
      return `${response.status} ${await response.text()}`
    }
    const answers = [await ask("right"), await ask("right"), await ask("wrong"), await ask("wrong", "/other")]
    await dispose()
    return answers
  }

  it("caches the routes to which it is provided, and a check before it holds for each request", async () => {
    const app = Layer.mergeAll(
      HttpRouter.add("GET", "/", page).pipe(Layer.provide([check.layer, cached])),
      HttpRouter.add("GET", "/other", page)
    )
    expect(await answersOf(app)).toEqual(["200 run 1", "200 run 1", "401 ", "200 run 2"])
  })

  it("under a layer of the same cache, a request is answered once, as the layer says", async () => {
    const app = Layer.mergeAll(
      HttpRouter.add("GET", "/", page).pipe(Layer.provide(cached)),
      HttpRouter.add("GET", "/other", page),
      HttpCacheMiddleware.layer({ cacheControl: "max-age=600" })
    )
    expect(await answersOf(app)).toEqual(["200 run 1", "200 run 1", "200 run 1", "200 run 2"])
  })

  it("under such a layer, its own options do not count", async () => {
    const silent = Effect.sync(() => HttpServerResponse.text(`run ${++runs}`))
    const app = Layer.mergeAll(
      HttpRouter.add("GET", "/", silent).pipe(Layer.provide(cached)),
      HttpCacheMiddleware.layer()
    )
    expect((await answersOf(app)).slice(0, 3)).toEqual(["200 run 1", "200 run 2", "200 run 3"])
  })
})

describe("freshness that no field says", () => {
  const silent = (options?: HttpCacheMiddleware.Options, annotations?: Cached.Annotations) =>
    serving(
      (request, run) => Effect.andThen(annotations ? Cached.annotate(annotations) : Effect.void, text()(request, run)),
      options
    )

  inMemory.each<[string, Strategy.Input<any, any, any>, ReadonlyArray<string>]>([
    ["ttl", { ttl: 10_000 }, ["run 1", "run 2", "run 3"]],
    ["softTtl", { strategy: "softTtl", softTtl: 10_000, ttl: 100_000 }, ["run 1", "run 2", "run 3"]],
    ["refreshAhead", { strategy: "refreshAhead", refreshAfter: 10_000, ttl: 100_000 }, ["run 1", "run 1", "run 2"]],
    ["failover", { strategy: "failover", ttl: 100_000 }, ["run 2", "run 3", "run 4"]],
    ["untilInvalidated", { strategy: "untilInvalidated" }, ["run 1", "run 1", "run 1"]]
  ])("by the strategy %s, of which clients hear nothing", function*([name, strategy, expected]) {
    const { ask } = yield* silent({ strategy })
    const first = yield* ask(`/${name}`)
    expect(["cache-control", "effect-cached-control", "expires"].map(first.field)).toEqual([
      undefined,
      undefined,
      undefined
    ])
    const texts = [(yield* ask(`/${name}`)).text]
    yield* TestClock.adjust("15 seconds")
    texts.push((yield* ask(`/${name}`)).text)
    yield* settle
    yield* TestClock.adjust("15 seconds")
    texts.push((yield* ask(`/${name}`)).text)
    expect(texts).toEqual(expected)
    expect((yield* ask(`/${name}`)).field("effect-cached-control")).toBeUndefined()
  })

  inMemory.each(["changes", undefined] as const)("by Cached.annotate in the handler, inherit %s", function*(inherit) {
    const { ask, state } = yield* silent({ inherit }, { ttl: "30 seconds", softTtl: "10 seconds", tags: ["~news"] })
    yield* ask()
    yield* TestClock.adjust("5 seconds")
    expect((yield* ask()).cacheStatus).toBe("hit; ttl=5")
    yield* Cached.invalidate({ tag: "~news" })
    expect((yield* ask()).text).toBe("run 2")
    yield* TestClock.adjust("15 seconds")
    expect((yield* ask()).text).toBe("run 2")
    yield* settle
    expect((yield* ask()).text).toBe("run 3")
    yield* TestClock.adjust("31 seconds")
    expect((yield* ask()).text).toBe("run 4")
    expect(state.runs).toBe(4)
    yield* ask("/", { headers: { cookie: "a=b" } })
    yield* ask("/", { headers: { cookie: "a=b" } })
    expect(state.runs).toBe(6)
  })

  inMemory.each<[string, HttpCacheMiddleware.Options]>([
    ["cacheControl", { cacheControl: "max-age=60" }],
    ["strategy", { strategy: { ttl: "1 minute" } }]
  ])("%s stores no errors that say nothing about caching", function*([, options]) {
    const stored: Array<number> = []
    for (const status of [200, 206, 301, 302, 400, 401, 403, 404, 410, 429, 500, 502, 503]) {
      const { ask, state } = yield* serving(
        () => Effect.succeed(HttpServerResponse.text("body", { status })),
        options
      )
      yield* ask(`/${status}`)
      yield* ask(`/${status}`)
      if (state.runs === 1) stored.push(status)
    }
    expect(stored).toEqual([200, 301, 404, 410])
  })

  inMemory("a lifetime of 0 in Cached.annotate is none, whatever cacheControl says", function*() {
    const { ask, state } = yield* silent({ cacheControl: "max-age=60" }, { ttl: 0 })
    yield* ask()
    yield* ask()
    expect(state.runs).toBe(2)
  })

  inMemory("what a handler annotates holds for all its responses, also those that pass", function*() {
    const handler: Handler = () =>
      Effect.delay(Effect.as(Cached.annotate({ ttl: 0 }), HttpServerResponse.text("page")), "1 second")
    const { ask } = yield* serving(handler, { cacheControl: "max-age=60" })
    const asked = [ask(), ask(), ask("/", { method: "HEAD" }), ask("/", { headers: { range: "bytes=0-0" } })]
    const all = yield* start(Effect.all(asked, { concurrency: "unbounded" }))
    for (let i = 0; i < 2; i++) {
      yield* settle
      yield* TestClock.adjust("1 second")
    }
    for (const answer of yield* Fiber.join(all)) expect(answer.field("cache-control")).toBeUndefined()
  })
})

describe("inherit", () => {
  const names = { ann: "Ann", bob: "Bob" }
  const user = (id: "ann" | "bob") =>
    Cached.ttl(Effect.sync(() => names[id]), `user:${id}`, { ttl: "1 hour", tags: ["users"] })
  const page: Handler = (request, run) =>
    Effect.map(
      user(request.headers["accept-language"] === "de" ? "bob" : "ann"),
      (name) =>
        HttpServerResponse.text(`${run} ${name}`, {
          headers: { "cache-control": "max-age=60", vary: "Accept-Language" }
        })
    )
  const german = { headers: { "accept-language": "de" } }
  const caches = [
    ["memory", CacheLayer.memory()],
    ["a store", Layer.provide(CacheLayer.layer({ memory: false }), MemoryStore.layer)]
  ] as const

  it.effect.each(caches)(
    "over %s, a response is gone with an entry that its handler has read",
    ([, layer]) =>
      Effect.gen(function*() {
        const { ask } = yield* serving(page, { inherit: "changes" })
        const etag = (yield* ask()).field("etag")!
        expect((yield* ask("/", { headers: { "if-none-match": etag } })).status).toBe(304)
        names.ann = "Anna"
        yield* Cached.invalidate("user:ann")
        expect((yield* ask("/", { headers: { "if-none-match": etag } })).text).toBe("2 Anna")
        yield* Cached.invalidate({ tag: "users" })
        expect((yield* ask()).text).toBe("3 Anna")
      }).pipe(Effect.provide(layer))
  )

  it.effect.each(caches)(
    "over %s, each variant keeps what its own handler has read",
    ([, layer]) =>
      Effect.gen(function*() {
        const { ask } = yield* serving(page, { inherit: "changes" })
        yield* ask()
        yield* ask("/", german)
        expect((yield* ask()).cacheStatus).toMatch(/^hit/)
        expect((yield* ask("/", german)).cacheStatus).toMatch(/^hit/)
        // The entry of the resource was written last by the load for the other language.
        yield* Cached.invalidate("user:ann")
        expect((yield* ask()).cacheStatus).not.toMatch(/^hit/)
        yield* Cached.invalidate("user:bob")
        expect((yield* ask("/", german)).cacheStatus).not.toMatch(/^hit/)
      }).pipe(Effect.provide(layer))
  )

  inMemory("a HEAD request whose answer updates a response does not cut it off from what was read", function*() {
    const same: Handler = () =>
      Effect.map(user("ann"), (name) => HttpServerResponse.text(name, { headers: { "cache-control": "max-age=60" } }))
    const { ask } = yield* serving(same, { inherit: "changes" })
    yield* ask()
    yield* TestClock.adjust("61 seconds")
    yield* ask("/", { method: "HEAD" })
    expect((yield* ask()).cacheStatus).toBe("hit; ttl=60")
    names.ann = "Andrea"
    yield* Cached.invalidate("user:ann")
    expect((yield* ask()).text).toBe("Andrea")
  })

  inMemory("without it, a response stays", function*() {
    const { ask } = yield* serving(page)
    const { text } = yield* ask()
    yield* Cached.invalidate("user:ann")
    expect((yield* ask()).text).toBe(text)
  })
})

describe("conditions and ranges", () => {
  inMemory("CA-81 · a response without ETag gets one of its body, and is answered with 304 without a run", function*() {
    const { ask, state } = yield* serving(text("max-age=60"))
    const etag = (yield* ask()).field("etag")!
    expect(etag).toMatch(/^"[\w-]{24}"$/)
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const answer = yield* ask("/", { headers: { "if-none-match": tag } })
      expect([answer.status, answer.text, answer.field("etag")]).toEqual([304, "", etag])
    }
    expect((yield* ask("/", { headers: { "if-none-match": "\"x\"" } })).status).toBe(200)
    const head = yield* ask("/", { method: "HEAD" })
    expect([head.status, head.text, head.field("content-length")]).toEqual([200, "", "5"])
    const range = yield* ask("/", { headers: { range: "bytes=4-" } })
    expect([range.status, range.text, range.field("content-range")]).toEqual([206, "1", "bytes 4-4/5"])
    expect(state.runs).toBe(1)
  })

  inMemory("a handler validates what is stored by its own ETag", function*() {
    const { ask } = yield* serving((request, run) =>
      request.headers["if-none-match"] === "\"v\""
        ? Effect.succeed(
          HttpServerResponse.empty({ status: 304, headers: { etag: "\"v\"", "cache-control": "max-age=9" } })
        )
        : text("max-age=1", { etag: "\"v\"" })(request, run)
    )
    yield* ask()
    yield* TestClock.adjust("5 seconds")
    const answer = yield* ask()
    expect([answer.status, answer.text, answer.cacheStatus]).toEqual([
      200,
      "run 1",
      "fwd=stale; fwd-status=304; ttl=9; stored"
    ])
  })
})

describe("CA-83 · never stored", () => {
  inMemory.each<[string, Handler, RequestInit?]>([
    [
      "a response with a cookie",
      (request, run) =>
        Effect.map(
          text("max-age=60")(request, run),
          (response) => HttpServerResponse.setCookieUnsafe(response, "a", "b")
        )
    ],
    ["a private response", text("private, max-age=60")],
    ["an event stream", text("max-age=60", { "content-type": "text/event-stream" })],
    ["the response to a request with credentials", text("max-age=60"), { headers: { authorization: "Basic a" } }],
    ["the response to POST", text("max-age=60"), { method: "POST" }],
    ["a failure", () => Effect.fail("down")],
    [
      "a body that breaks",
      () =>
        Effect.succeed(HttpServerResponse.stream(Stream.concat(Stream.make(new Uint8Array(3)), Stream.fail("broken")), {
          headers: { "cache-control": "max-age=60" }
        }))
    ]
  ])("%s", function*([, handler, init]) {
    const { ask, state } = yield* serving(handler)
    yield* Effect.exit(ask("/", init))
    yield* settle
    yield* Effect.exit(ask("/", init))
    expect(state.runs).toBe(2)
  })

  inMemory("cookies are stored where allowCookies says so", function*() {
    const { ask, state } = yield* serving(
      (request, run) =>
        Effect.map(
          text("max-age=60")(request, run),
          (response) => HttpServerResponse.setCookieUnsafe(response, "a", "b")
        ),
      {
        allowCookies: true
      }
    )
    yield* ask()
    expect((yield* ask()).field("set-cookie")).toBe("a=b")
    expect(state.runs).toBe(1)
  })
})

describe("what is for one user", () => {
  const byUser: Handler = ({ headers }, run) =>
    Effect.succeed(HttpServerResponse.text(`${headers["cookie"] ?? headers["authorization"]} ${run}`))
  const of = (user: string) => ({ headers: { cookie: user } })

  inMemory(
    "a response that does not say so is not stored, whatever its Last-Modified and a request allow",
    function*() {
      const { ask } = yield* serving((request, run) =>
        Effect.map(
          byUser(request, run),
          HttpServerResponse.setHeader("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")
        )
      )
      yield* TestClock.adjust("100 days")
      expect((yield* ask("/", of("a"))).cacheStatus).toMatch(/detail=cookie/)
      const greedy = { "cache-control": "max-stale, stale-if-error=1000", cookie: "b" }
      expect((yield* ask("/", { headers: greedy })).text).toBe("b 2")
      expect((yield* ask()).cacheStatus).toMatch(/detail=implicit/)
      expect((yield* ask()).text).toBe("undefined 4")
    }
  )

  inMemory.each<[string, HttpCacheMiddleware.Options]>([
    ["cacheControl", { cacheControl: "max-age=60" }],
    ["strategy", { strategy: { ttl: "1 minute" } }]
  ])(
    "%s holds for no request whose API key was read, and what those without one get reaches no others",
    function*([, options]) {
      const { ask } = yield* serving((request, run) =>
        request.headers["x-api-key"] === undefined
          ? Effect.succeed(HttpServerResponse.text(`no key, run ${run}`, { status: 404 }))
          : text()(request, run), options)
      const as = (key?: string) => ask("/", { headers: key === undefined ? {} : { "x-api-key": key } })
      const answers = [yield* as("ann"), yield* as(), yield* as(), yield* as("bob"), yield* as("bob")]
      expect(answers.map((answer) => answer.text)).toEqual([
        "run 1",
        "no key, run 2",
        "no key, run 2",
        "run 3",
        "run 4"
      ])
    }
  )

  inMemory("a cookie reaches its caller alone, with the fields that the handler gave", function*() {
    const { ask, state } = yield* serving((request, run) =>
      Effect.map(
        run === 1 || request.headers["if-none-match"] === undefined
          ? text("max-age=1", { etag: "\"v\"" })(request, run)
          : Effect.succeed(
            HttpServerResponse.empty({ status: 304, headers: { etag: "\"v\"", "cache-control": "max-age=9" } })
          ),
        (response) => run === 1 ? response : HttpServerResponse.setCookieUnsafe(response, "user", `${run}`)
      )
    )
    yield* ask()
    yield* TestClock.adjust("5 seconds")
    const validated = yield* ask()
    expect([validated.text, validated.field("set-cookie")]).toEqual(["run 1", "user=2"])
    // The 304 has a cookie, so that it may not be stored.
    const next = yield* ask()
    expect([next.text, next.field("set-cookie"), state.runs]).toEqual(["run 3", "user=3", 3])
    const targeted = yield* serving((request, run) =>
      Effect.map(
        text("max-age=9", { "cdn-cache-control": "max-age=99" })(request, run),
        (response) => HttpServerResponse.setCookieUnsafe(response, "user", `${run}`)
      ), { targets: ["CDN-Cache-Control"] })
    const first = yield* targeted.ask("/targeted")
    expect([first.field("set-cookie"), first.field("cache-control")]).toEqual(["user=1", "max-age=9"])
    expect((yield* targeted.ask("/targeted")).text).toBe("run 2")
  })

  inMemory("a client of the same program and cache shares no response with the server", function*() {
    const origin = HttpClient.make((request) =>
      Effect.succeed(
        HttpClientResponse.fromWeb(
          request,
          new Response("private", { headers: { "cache-control": "private, max-age=60" } })
        )
      )
    )
    for (const mode of ["private", "shared"] as const) {
      const client = yield* CachedHttpClient.wrap(origin, { mode })
      yield* Effect.flatMap(client.get("http://example.com/"), (response) => response.text)
    }
    const { ask } = yield* serving(text("max-age=60"))
    expect((yield* ask()).text).toBe("run 1")
  })
})

inMemory("other middleware around it can change each response", function*() {
  const { ask } = yield* serving(
    (request, run) =>
      request.url === "/stream"
        ? Effect.succeed(
          HttpServerResponse.stream(Stream.make(new Uint8Array([97])), { headers: { "cache-control": "max-age=60" } })
        )
        : text(request.url === "/stored" ? "max-age=60" : "no-store", { "cache-tag": "t" })(request, run),
    {},
    (app) =>
      Effect.map(app, (response) =>
        response.pipe(
          HttpServerResponse.setCookieUnsafe("a", "b"),
          HttpServerResponse.setHeaders({ "x-added": "yes" })
        ))
  )
  for (
    const [path, expected] of [["/passed", "run 1"], ["/stored", "run 2"], ["/stored", "run 2"], ["/stream", "a"], [
      "/stream",
      "a"
    ]]
  ) {
    const answer = yield* ask(path)
    expect([path, answer.status, answer.text, answer.field("x-added"), answer.field("cache-tag")])
      .toEqual([path, 200, expected, "yes", undefined])
  }
})

describe("a body that is too large to lie beside its fields", () => {
  const size = 200_000

  inMemory("is answered in one piece, and read through the cache once a second while it is used", function*() {
    const bodies: Array<string> = []
    const { ask, state } = yield* serving(
      (_, run) =>
        Effect.succeed(
          HttpServerResponse.uint8Array(new Uint8Array(size).fill(run), {
            headers: { "cache-control": "max-age=60" }
          })
        ),
      {},
      (app) => Effect.tap(app, ({ body }) => Effect.sync(() => bodies.push(body._tag)))
    )
    let reads = 0
    yield* start(
      Stream.runForEach(
        Cached.events({ of: ["Hit"] }),
        ({ id }) => Effect.sync(() => reads += id.startsWith("~HttpBody") ? 1 : 0)
      )
    )
    yield* TestClock.adjust("1 second")
    for (let i = 0; i < 4; i++) {
      expect((yield* ask()).text.length).toBe(size)
      yield* settle
    }
    const runs = state.runs
    const part = yield* ask("/", { headers: { range: "bytes=0-2" } })
    expect([part.status, part.text.length]).toEqual([206, 3])
    expect(bodies.slice(-3)).toEqual(["Uint8Array", "Uint8Array", "Uint8Array"])
    yield* settle
    const before = reads
    yield* TestClock.adjust("1001 millis")
    yield* ask()
    yield* settle
    expect([before > 0 && reads > before, state.runs]).toEqual([true, runs])
  })

  inMemory("a body that another one has replaced leaves memory a minute later, when no reader needs it", function*() {
    const { ask } = yield* serving((_, run) =>
      Effect.succeed(
        HttpServerResponse.uint8Array(new Uint8Array(size).fill(run), { headers: { "cache-control": "max-age=1" } })
      )
    )
    for (let i = 0; i < 100; i++) {
      expect((yield* ask()).text.length).toBe(size)
      yield* settle
      yield* TestClock.adjust("2 seconds")
    }
    // The resource, its body, and those of the last minute.
    expect(yield* Cached.size).toBeLessThan(40)
    expect((yield* ask()).text.length).toBe(size)
  })

  inMemory("a body that is gone is asked for again with the services of its request", function*() {
    const page = Effect.map(User, (user) => {
      const stream = Stream.make(new TextEncoder().encode(user), new Uint8Array(2000))
      return HttpServerResponse.stream(stream, { headers: { "cache-control": "max-age=60", etag: "\"1\"" } })
    })
    const cached = (yield* HttpCacheMiddleware.make({ maxBody: 1000 }))(page)
    const request = HttpServerRequest.fromWeb(new Request("http://example.com/"))
    const ask = cached.pipe(
      Effect.provideService(User, "ann"),
      Effect.provideService(HttpServerRequest.HttpServerRequest, request)
    )
    for (const response of [yield* ask, yield* ask]) {
      const text = yield* Effect.promise(() => HttpServerResponse.toWeb(response).text())
      expect([text.slice(0, 3), text.length]).toEqual(["ann", 2003])
    }
  })

  /** Each run acquires something, from which its body is made. `log` tells when, and whether it was still there. */
  const acquiring = Effect.fnUntraced(function*(
    headers: Record<string, string>,
    options?: HttpCacheMiddleware.Options
  ) {
    const log: Array<string> = []
    let runs = 0
    const page = Effect.suspend(() => {
      const run = ++runs
      let isOpen = true
      const acquired = Effect.acquireRelease(Effect.void, () =>
        Effect.sync(() => {
          isOpen = false
          log.push(`close ${run}`)
        }))
      const chunk = Effect.map(Effect.sleep("1 second"), () => {
        log.push(`${isOpen ? "read" : "broken"} ${run}`)
        return new Uint8Array([48 + run])
      })
      return Effect.as(
        acquired,
        HttpServerResponse.stream(Stream.take(Stream.fromEffectRepeat(chunk), 2), { headers })
      )
    })
    const cached = (yield* HttpCacheMiddleware.make(options))(page)
    /** As a server does: the scope of the request closes when the response has been sent. */
    const ask = (init?: RequestInit) => {
      const request = HttpServerRequest.fromWeb(new Request("http://example.com/", init))
      return cached.pipe(
        Effect.flatMap(({ body }) =>
          body._tag === "Stream"
            ? Effect.map(Stream.runCollect(body.stream), (all) => Buffer.concat(all).toString())
            : Effect.succeed(body._tag)
        ),
        Effect.provideService(HttpServerRequest.HttpServerRequest, request),
        Effect.scoped,
        start
      )
    }
    const pass = Effect.andThen(settle, TestClock.adjust("1 second")).pipe(Effect.andThen(settle))
    return { ask, log, pass }
  })

  inMemory.each<[string, Record<string, string>]>([
    ["is stored", { "cache-control": "max-age=60" }],
    ["is not", { "cache-control": "no-store" }],
    ["is an event stream", { "cache-control": "max-age=60", "content-type": "text/event-stream" }]
  ])("what its handler has acquired is there until it ends: it %s", function*([, headers]) {
    const { ask, log, pass } = yield* acquiring(headers)
    const answer = yield* ask()
    yield* pass
    yield* pass
    expect(yield* Fiber.join(answer)).toBe("11")
    expect(log).toEqual(["read 1", "read 1", "close 1"])
  })

  inMemory("what its handler has acquired outlives a client that leaves, for the others that read", function*() {
    const { ask, log, pass } = yield* acquiring({ "cache-control": "max-age=60" })
    const leaving = yield* ask()
    yield* settle
    const other = yield* ask()
    yield* pass
    yield* Fiber.interrupt(leaving)
    yield* pass
    expect(yield* Fiber.join(other)).toBe("11")
    expect(log).toEqual(["read 1", "read 1", "close 1"])
  })

  inMemory("what its handler has acquired is released after a 304, and the next caller gets another run", function*() {
    const { ask, log, pass } = yield* acquiring({ "cache-control": "max-age=60", etag: "\"1\"" })
    const unchanged = yield* ask({ headers: { "if-none-match": "\"1\"" } })
    expect(yield* Fiber.join(unchanged)).toBe("Empty")
    expect(log).toEqual(["close 1"])
    const other = yield* ask()
    yield* pass
    yield* pass
    expect(yield* Fiber.join(other)).toBe("22")
    expect(log).toEqual(["close 1", "read 2", "read 2", "close 2"])
  })

  inMemory.each([{}, { inherit: "changes" } as const])(
    "what its handler has acquired is there while it is loaded in the background: %j",
    function*(options) {
      const { ask, log, pass } = yield* acquiring(
        { "cache-control": "max-age=1, stale-while-revalidate=60" },
        options
      )
      const first = yield* ask()
      yield* pass
      yield* pass
      yield* Fiber.join(first)
      const stale = yield* ask()
      yield* pass
      yield* pass
      expect(yield* Fiber.join(stale)).toBe("11")
      expect(log.slice(3)).toEqual(["read 2", "read 2", "close 2"])
      const renewed = yield* ask()
      expect(yield* Fiber.join(renewed)).toBe("22")
    }
  )
})

class User extends Context.Service<User, string>()("User") {}

describe("the key", () => {
  inMemory("is the host, the path and the query, without what the options leave out", function*() {
    const { ask } = yield* serving(text("max-age=60"), {
      ignoreQuery: ["utm"],
      sortQuery: true,
      hosts: ["example.com"]
    })
    const texts = yield* Effect.forEach(
      ["/a?x=1&y=2", "/a?y=2&x=1&utm=3", "/a?x=2", "/b", "//b", "/%62", "http://other/a", "http://other/a"],
      (path) => Effect.map(ask(path), (answer) => answer.text)
    )
    expect(texts).toEqual(["run 1", "run 1", "run 2", "run 3", "run 4", "run 5", "run 6", "run 7"])
  })
})

describe("removal", () => {
  inMemory("by the tags of a response, which are not forwarded, and by an unsafe request to its URL", function*() {
    const { ask } = yield* serving(text("max-age=60", { "surrogate-key": "a b", "cache-tag": "c, d e", xkey: "f" }))
    const first = yield* ask()
    expect(["surrogate-key", "cache-tag", "xkey"].map(first.field)).toEqual([undefined, undefined, undefined])
    let runs = 1
    for (const tag of ["a", "b", "c", "d e", "f"]) {
      yield* Cached.invalidate({ tag })
      expect((yield* ask()).text).toBe(`run ${++runs}`)
    }
    yield* ask("/", { method: "DELETE" })
    expect((yield* ask()).text).toBe(`run ${runs + 2}`)
  })

  const secret = Redacted.make("right")
  const routes = Layer.mergeAll(
    HttpCacheMiddleware.purge({ path: "/purge", secret }),
    HttpRouter.add(
      "GET",
      "/page",
      Effect.sync(() =>
        HttpServerResponse.text("page", {
          headers: { "cache-control": "max-age=60, stale-if-error=9", "cache-tag": "t" }
        })
      )
    ),
    HttpCacheMiddleware.layer()
  )
  const handlerOf = (cache: Layer.Layer<any>) =>
    Effect.acquireRelease(
      Effect.sync(() => HttpRouter.toWebHandler(routes.pipe(Layer.provide(cache)) as never, { disableLogger: true })),
      ({ dispose }) => Effect.promise(dispose)
    )
  const bearer = { authorization: "Bearer right" }

  test("by purge, with the secret alone", function*() {
    const { handler } = yield* handlerOf(CacheLayer.memory())
    const ask = (path: string, init?: RequestInit) =>
      Effect.promise(() => (handler as (request: Request) => Promise<Response>)(new Request(`http://a${path}`, init)))
    const isHit = Effect.map(ask("/page"), ({ headers }) => /; hit/.test(headers.get("cache-status")!))
    const purges: ReadonlyArray<[number, string, RequestInit]> = [
      [401, "/purge?tag=t", { method: "POST" }],
      [401, "/purge?tag=t", { method: "PURGE", headers: { authorization: "Bearer righ" } }],
      [405, "/purge?tag=t", { headers: bearer }],
      [400, "/purge", { method: "POST", headers: bearer }],
      [400, "/purge", { method: "POST", headers: bearer, body: "{\"tag\": \"t\"}" }],
      [400, "/purge?url=page", { method: "POST", headers: bearer }],
      [400, "/purge?tag=", { method: "POST", headers: bearer }],
      [204, "/purge?tag=t", { method: "PURGE", headers: bearer }],
      [204, "/purge?url=http://a/page", { method: "POST", headers: bearer }],
      [204, "/purge", {
        method: "POST",
        headers: bearer,
        body: JSON.stringify({ urls: ["http://a/page"], soft: true })
      }]
    ]
    for (const [status, path, init] of purges) {
      yield* ask("/page")
      expect(yield* isHit).toBe(true)
      expect((yield* ask(path, init)).status).toBe(status)
      expect([status, yield* isHit]).toEqual([status, status !== 204])
    }
  })

  inMemory("a soft purge makes all variants stale, not only the one that is asked for first", function*() {
    const { ask } = yield* serving(text("max-age=60, stale-while-revalidate=60", {
      vary: "accept-language",
      "cache-tag": "page"
    }))
    const of = (language: string) =>
      Effect.map(ask("/", { headers: { "accept-language": language } }), (answer) => answer.text)
    for (const language of ["de", "fr", "it"]) yield* of(language)
    yield* Cached.invalidate({ tag: "page" }, { mode: "soft" })
    expect([yield* of("de"), yield* of("fr"), yield* of("it")]).toEqual(["run 4", "run 5", "run 6"])
    expect([yield* of("de"), yield* of("fr"), yield* of("it")]).toEqual(["run 4", "run 5", "run 6"])
  })

  inMemory(
    "after a soft purge, Cache-Status says that a stale response was there, also to those that waited",
    function*() {
      const { ask } = yield* serving((request, run) =>
        Effect.delay(text("max-age=60", { vary: "accept-language", "cache-tag": "page" })(request, run), "1 second")
      )
      const inASecond = Effect.fnUntraced(function*(languages: ReadonlyArray<string>) {
        const all = yield* start(
          Effect.forEach(languages, (language) => ask("/", { headers: { "accept-language": language } }), {
            concurrency: "unbounded"
          })
        )
        yield* settle
        yield* TestClock.adjust("1 second")
        return (yield* Fiber.join(all)).map(({ cacheStatus }) => cacheStatus!.split("; ttl")[0])
      })
      expect(yield* inASecond(["de", "de"])).toEqual(["fwd=uri-miss; fwd-status=200", "fwd=uri-miss"])
      yield* Cached.invalidate({ tag: "page" }, { mode: "soft" })
      expect(yield* inASecond(["de", "de"])).toEqual(["fwd=stale; fwd-status=200", "fwd=stale"])
      yield* Cached.invalidate({ tag: "page" }, { mode: "soft" })
      expect(yield* inASecond(["fr"])).toEqual(["fwd=vary-miss; fwd-status=200"])
      yield* Cached.invalidate({ tag: "page" })
      expect(yield* inASecond(["de"])).toEqual(["fwd=uri-miss; fwd-status=200"])
    }
  )

  inMemory.each<[string, RequestInit, number, string]>([
    ["a range", { headers: { range: "bytes=0-4" } }, 206, "run 2"],
    ["HEAD", { method: "HEAD" }, 200, ""],
    ["only-if-cached", { headers: { "cache-control": "only-if-cached" } }, 504, ""]
  ])("a soft purge makes a response stale for %s too", function*([, init, status, body]) {
    const { ask, state } = yield* serving(text("max-age=60", { "cache-tag": "page" }))
    yield* ask()
    yield* Cached.invalidate({ tag: "page" }, { mode: "soft" })
    const answer = yield* ask("/", init)
    expect([answer.status, answer.text, state.runs]).toEqual([status, body, status === 504 ? 1 : 2])
    expect((yield* ask()).text).toBe(`run ${state.runs}`)
  })

  inMemory.each(["before", "while"])("a soft purge %s HEAD is answered is not lost by its answer", function*(when) {
    const { ask, state } = yield* serving((request, run) =>
      Effect.delay(
        text("max-age=60", { "cache-tag": "page", etag: "\"same\"" })(request, run),
        run === 2 ? "1 second" : 0
      )
    )
    yield* ask()
    const purge = Cached.invalidate({ tag: "page" }, { mode: "soft" })
    if (when === "before") yield* purge
    const head = yield* started(ask("/", { method: "HEAD", headers: { "cache-control": "no-cache" } }))
    if (when === "while") yield* purge
    yield* TestClock.adjust("1 second")
    expect((yield* Fiber.join(head)).status).toBe(200)
    // The whole was asked for, and is stored unless the purge is newer.
    const runs = when === "before" ? 2 : 3
    expect([(yield* ask()).text, state.runs]).toEqual([`run ${runs}`, runs])
  })

  inMemory.each<[string, boolean, Handler]>([
    ["fails", true, () => Effect.delay(Effect.fail("down"), "1 second")],
    ["answers 503", true, () => Effect.delay(Effect.succeed(HttpServerResponse.empty({ status: 503 })), "1 second")],
    ["fails", false, () => Effect.delay(Effect.fail("down"), "1 second")],
    ["answers 503", false, () => Effect.delay(Effect.succeed(HttpServerResponse.empty({ status: 503 })), "1 second")]
  ])(
    "after a soft purge, if the handler %s, all get the response that it made stale, unless it must be revalidated: %s",
    function*([, may, failing]) {
      const first = text(may ? "max-age=60" : "max-age=60, must-revalidate", { "cache-tag": "page" })
      const { ask } = yield* serving((request, run) => (run === 1 ? first : failing)(request, run))
      yield* ask()
      yield* Cached.invalidate({ tag: "page" }, { mode: "soft" })
      const asked = [ask(), ask(), ask("/", { method: "HEAD" }), ask("/", { headers: { range: "bytes=0-2" } })]
      const all = yield* started(Effect.all(asked.map(Effect.option), { concurrency: "unbounded" }))
      yield* elapse("1 second")
      yield* TestClock.adjust("1 second")
      const answers = (yield* Fiber.join(all)).map(Option.getOrUndefined)
      const bodies = answers.map((answer) => answer !== undefined && answer.status < 300 ? answer.text : "failed")
      expect(bodies).toEqual(may ? ["run 1", "run 1", "", "run"] : ["failed", "failed", "failed", "failed"])
      if (may) expect(answers[0]!.cacheStatus).toMatch(/detail=origin-failed$/)
    }
  )

  test("a purge that the store does not acknowledge is answered with 503", function*() {
    const down = Effect.fail(new StoreError({ store: "s", operation: "invalidateTags", reason: "Unavailable" }))
    const store = { ...fakeStore().store, invalidateTags: () => down }
    const { handler } = yield* handlerOf(over({ layer: Layer.succeed(Store.Store, store) }))
    const request = new Request("http://a/purge?tag=t", { method: "POST", headers: bearer })
    const { status } = yield* Effect.promise(() => (handler as (request: Request) => Promise<Response>)(request))
    expect(status).toBe(503)
  })

  inMemory(
    "Clear-Site-Data of a response is for the browser of its user, and empties no cache of the server",
    function*() {
      const { ask } = yield* serving((request, run) =>
        request.url.includes("logout")
          ? text("no-store", { "clear-site-data": "\"cache\"" })(request, run)
          : text("max-age=60")(request, run)
      )
      const first = yield* ask()
      for (const method of ["GET", "POST"]) {
        expect((yield* ask("/logout", { method })).field("clear-site-data")).toBe("\"cache\"")
      }
      expect((yield* ask()).text).toBe(first.text)
    }
  )

  inMemory("CA-82 · Clear-Site-Data of a request makes the handler load again, where allowReload says so", function*() {
    let loads = 0
    const data = Effect.sync(() => ++loads).pipe(Cached.ttl("data", { ttl: "1 hour" }))
    const handler: Handler = () => Effect.map(data, (n) => HttpServerResponse.text(`${n}`)) as Effect.Effect<any>
    const { ask } = yield* serving(handler, {
      allowReload: ({ headers }) => headers["x-admin"] === "yes",
      cacheControl: "max-age=60",
      harmless: ["X-Admin"]
    })
    const clear = { "clear-site-data": "\"cache\"" }
    const texts = [
      yield* ask(),
      yield* ask("/", { headers: clear }),
      yield* ask("/", { headers: { ...clear, "x-admin": "yes" } }),
      yield* ask()
    ]
    expect(texts.map((answer) => answer.text)).toEqual(["1", "1", "2", "2"])
  })
})

it("refuses options that are wrong, and a purge without a secret", () => {
  const { make, purge } = HttpCacheMiddleware
  expect(() => make({ hosts: [] })).toThrow("hosts must be a list of at least one host")
  expect(() => make({ cacheControl: "" })).toThrow("cacheControl must be a value of Cache-Control")
  expect(() => make({ harmless: ["x-internal-*"] })).toThrow("harmless must be a list of exact field names")
  expect(() => make({ sortQuery: 1 as never })).toThrow("sortQuery of it must be true or false")
  expect(() => make({ ttl: 1 } as never)).toThrow(/has no option "ttl"/)
  expect(() => make({ strategy: { strategy: "maxHits", ttl: 1000, hits: 3 } })).toThrow(
    "strategy cannot be \"maxHits\""
  )
  expect(() => make({ strategy: { ttl: "500 millis" } })).toThrow("ttl must be at least one second")
  const soft = { strategy: "softTtl", ttl: "1 minute", softTtl: "500 millis" } as const
  expect(() => make({ strategy: soft })).toThrow("softTtl must be at least one second")
  class Minutes {
    readonly name = "minutes"
    readonly ttl = 5
    lifetime = () => ({ ttl: this.ttl * 60_000, softTtl: this.ttl * 60_000 })
    decide = () => "Serve" as const
  }
  expect(() => make({ strategy: new Minutes() })).not.toThrow()
  expect(() => make({ strategy: { strategy: "sliding", idle: 1000 } })).toThrow("strategy cannot be \"sliding\"")
  expect(() => purge({ path: "/purge" } as never)).toThrow(/secret/)
  expect(() => purge({ path: "/purge", secret: Redacted.make("") })).toThrow(
    "secret must be a Redacted text that is not empty"
  )
  expect(() => purge({ path: "purge" as never, secret: Redacted.make("a") })).toThrow("path must begin with a /")
})

it("openApi tells the fields and 304 of what is cached, and leaves the rest as it is", () => {
  const page = HttpApiEndpoint.get("page", "/page", { success: Schema.String })
  const put = HttpApiEndpoint.put("put", "/page", { success: Schema.String })
  const plain = HttpApi.make("api").add(HttpApiGroup.make("pages").add(page, put))
  const told = OpenApi.fromApi(plain.annotate(OpenApi.Transform, HttpCacheMiddleware.openApi)).paths["/page"]!
  const before = OpenApi.fromApi(plain).paths["/page"]!
  expect(told.put).toEqual(before.put)
  expect(Object.keys(told.get!.responses["304"]!.headers!)).toEqual(["ETag", "Age", "Cache-Status"])
  expect(told.get!.responses["200"]).toEqual({
    ...before.get!.responses["200"],
    headers: told.get!.responses["304"]!.headers
  })
  expect(told.get!.operationId).toBe(before.get!.operationId)
})
