/** Requests that try to make a server store, serve or remove what it must not. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { Headers, type HttpBody, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { settle, start } from "../support/caches.ts"
import { sized } from "../support/everything.ts"
import { type Handler, inMemory, serving, text } from "./serving.ts"

/** A handler that answers with the host and the path as they were sent, which only a real server passes on. */
const echoing = Effect.fnUntraced(function*(control = "max-age=60") {
  const state = { runs: 0 }
  let sent = ""
  const cached = (yield* HttpCacheMiddleware.make())(
    Effect.sync(() => {
      state.runs++
      return HttpServerResponse.text(sent, { headers: { "cache-control": control } })
    })
  )
  const ask = (path: string, headers: Record<string, string> = {}) => {
    const all = { host: "example.com", ...headers }
    const request = HttpServerRequest.fromWeb(new Request("http://example.com")).modify({
      headers: Headers.fromInput(all)
    })
    Object.defineProperty(request, "originalUrl", { value: path })
    sent = `${all.host} ${path}`
    return Effect.flatMap(
      Effect.provideService(cached, HttpServerRequest.HttpServerRequest, request),
      (response) => Effect.promise(() => HttpServerResponse.toWeb(response).text())
    )
  }
  return { state, ask }
})

describe("the key", () => {
  const paths = [
    ...["/page", "/Page", "//page", "/%70age", "/page/", "/page?", "/page?a", "/page?a=", "/page#x", "/page%23x"],
    ...[
      "/x/../page",
      "/x/%2e%2e/page",
      "/x/.%2E/page",
      "/./page",
      "/x\\..\\page",
      "/pa\tge",
      "/page%0d%0aX:%20y",
      "/page "
    ]
  ]
  it.effect("no path is answered with the response to another one, however it is written", () =>
    Effect.gen(function*() {
      const { ask } = yield* echoing()
      for (let i = 0; i < 2; i++) {
        for (const path of paths) expect(yield* ask(path)).toBe(`example.com ${path}`)
      }
    }).pipe(inMemory))

  it.effect("no host is answered with the response to another one, however it is written", () =>
    Effect.gen(function*() {
      const { ask } = yield* echoing()
      const hosts = [
        ...["example.com", "example.com:80", "example.com:8080", "a@example.com", "example.com/x", "example.com?x"],
        ...["example.com#x", "example.com\\x", "example.com, other.com", "example.com.", "\"><script>", ""]
      ]
      for (let i = 0; i < 2; i++) for (const host of hosts) expect(yield* ask("/", { host })).toBe(`${host} /`)
    }).pipe(inMemory))

  it.effect("fields of 64 kB, and fields that are repeated, change nothing", () =>
    Effect.gen(function*() {
      const { ask, state } = yield* echoing("public, max-age=60")
      yield* ask("/")
      yield* ask("/", {
        "x-long": "x".repeat(65_536),
        cookie: "a=b, c=d",
        accept: "a, b, a",
        "x-original-host": "evil"
      })
      expect(state.runs).toBe(1)
    }).pipe(inMemory))
})

it.effect("deception: what a handler marks for one user reaches no other, whatever the path looks like", () =>
  Effect.gen(function*() {
    const me: Handler = ({ headers }) =>
      Effect.succeed(
        HttpServerResponse.text(headers["cookie"] ?? "anonymous", { headers: { "cache-control": "private" } })
      )
    const { ask } = yield* serving(me, { cacheControl: "max-age=60" })
    const silent = yield* serving(
      ({ headers }) => Effect.succeed(HttpServerResponse.text(headers["cookie"] ?? "anonymous")),
      { cacheControl: "max-age=60" }
    )
    for (const one of [ask, silent.ask]) {
      expect((yield* one("/me/x.css", { headers: { cookie: "ann" } })).text).toBe("ann")
      expect((yield* one("/me/x.css", { headers: { cookie: "bob" } })).text).toBe("bob")
      expect((yield* one("/me/x.css")).text).toBe("anonymous")
      expect((yield* one("/me/x.css", { headers: { cookie: "ann" } })).text).toBe("ann")
    }
  }).pipe(inMemory))

it.effect("a Vary explosion keeps the newest variants", () =>
  Effect.gen(function*() {
    const { ask } = yield* serving(text("max-age=60", { vary: "X" }), { maxVariants: 4 })
    for (let i = 0; i < 500; i++) yield* ask("/", { headers: { x: String(i) } })
    expect((yield* ask("/", { headers: { x: "499" } })).text).toBe("run 500")
    // The first one stays: it tells other processes what the response depends on.
    expect((yield* ask("/", { headers: { x: "1" } })).text).toBe("run 501")
  }).pipe(inMemory))

it.effect("a body that never ends holds up no other resource, and is not stored", () =>
  Effect.gen(function*() {
    let runs = 0
    const cached = (yield* HttpCacheMiddleware.make({ cacheControl: "max-age=60" }))(
      Effect.sync(() => HttpServerResponse.stream(++runs === 1 ? Stream.never : Stream.make(new Uint8Array(3))))
    )
    const bodyAt = (path: string) => {
      const request = HttpServerRequest.fromWeb(new Request(`http://example.com${path}`))
      return Effect.flatMap(Effect.provideService(cached, HttpServerRequest.HttpServerRequest, request), ({ body }) =>
        body._tag === "Stream" ? Stream.runCollect(body.stream) : Effect.succeed([(body as any).body]))
    }
    const endless = yield* start(bodyAt("/endless"))
    yield* settle
    expect(yield* bodyAt("/other")).toEqual([new Uint8Array(3)])
    yield* Fiber.interrupt(endless)
    expect(yield* bodyAt("/endless")).toEqual([new Uint8Array(3)])
  }).pipe(inMemory))

it.effect("a client that stops to read holds up no other reader of the same body", () =>
  Effect.gen(function*() {
    let runs = 0
    const chunks = Array.from({ length: 200 }, (_, i) => new Uint8Array(1000).fill(i))
    const cached = (yield* HttpCacheMiddleware.make({ cacheControl: "max-age=60" }))(
      Effect.sync(() => HttpServerResponse.stream(Stream.fromIterable(chunks), { contentLength: runs++ + 200_000 }))
    )
    const request = HttpServerRequest.fromWeb(new Request("http://example.com/large"))
    const body = Effect.map(
      Effect.provideService(cached, HttpServerRequest.HttpServerRequest, request),
      (response) => (response.body as HttpBody.Stream).stream as Stream.Stream<Uint8Array>
    )
    const stopped = yield* start(Stream.runForEach(yield* body, () => Effect.never))
    yield* settle
    const read = yield* Stream.runCollect(yield* body)
    expect([read.reduce((sum, { length }) => sum + length, 0), runs]).toEqual([200_000, 1])
    yield* Fiber.interrupt(stopped)
  }).pipe(inMemory))

it.effect("thousands of distinct queries leave the memory bounded, and other routes served", () =>
  Effect.gen(function*() {
    const { ask, state } = yield* serving((request, run) =>
      text(request.url.includes("unshared") ? "no-store" : "max-age=60")(request, run)
    )
    for (let i = 0; i < sized(10_000, 1000); i++) yield* ask(`/search?q=${i}`)
    for (let i = 0; i < 1000; i++) yield* ask(`/unshared?q=${i}`)
    expect(yield* Cached.size).toBeLessThanOrEqual(100)
    yield* ask("/other")
    const { runs } = state
    yield* ask("/other")
    expect(state.runs).toBe(runs)
  }).pipe(Effect.provide(CacheLayer.memory({ capacity: 100 }))))

it.effect("10,000 requests of a cold URL, and 1,000 forced reloads, are one run each", () =>
  Effect.gen(function*() {
    const { ask, state } = yield* serving((request, run) => Effect.delay(text("max-age=60")(request, run), "1 second"))
    const herd = (count: number, init?: RequestInit) =>
      Effect.gen(function*() {
        const all = yield* start(Effect.all(Array.from({ length: count }, () => ask("/", init)), {
          concurrency: "unbounded"
        }))
        yield* settle
        yield* TestClock.adjust("1 second")
        return new Set((yield* Fiber.join(all)).map((answer) => answer.text))
      })
    expect(yield* herd(10_000)).toEqual(new Set(["run 1"]))
    expect(yield* herd(1000, { headers: { "cache-control": "no-cache" } })).toEqual(new Set(["run 2"]))
    expect(state.runs).toBe(2)
  }).pipe(inMemory))

it.effect("a purge with a wrong secret, a thousand times, removes nothing", () =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const { dispose, handler } = HttpRouter.toWebHandler(
      HttpCacheMiddleware.purge({ path: "/purge", secret: Redacted.make("secret") }).pipe(
        Layer.provide(Layer.succeedContext(context))
      ) as Layer.Layer<never, never, HttpRouter.HttpRouter>,
      { disableLogger: true }
    )
    yield* Cached.set("k", 1, { tags: ["t"] })
    const statuses = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const secret = ["", "Secret", "secre", "secrets", " secret", `secret,${i}`, `${i}`][i % 7]!
      const request = new Request("http://localhost/purge?tag=t", {
        method: "POST",
        headers: i % 8 === 0 ? {} : { authorization: `Bearer ${secret}` }
      })
      statuses.add((yield* Effect.promise(() => handler(request))).status)
    }
    expect(statuses).toEqual(new Set([401]))
    expect(yield* Cached.has("k")).toBe(true)
    yield* Effect.promise(dispose)
  }).pipe(inMemory))
