/** A caching client: which answers come from the cache, what the origin is asked, what is stored. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { CachedHttpClient } from "effect-cached/http"
import { MemoryStore } from "effect-cached/memory"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { settle } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { testIn } from "../support/tests.ts"
import { collect, originOf, privately, seen, shared, slowBody, textOf, url } from "./origin.ts"

const sized = (body: string, headers: Record<string, string> = {}) => ({
  body,
  headers: { "content-length": String(body.length), ...headers }
})

const it_ = (name: string, program: () => Effect.Effect<unknown, unknown, any>) =>
  it.effect(name, () => program().pipe(Effect.provide(CacheLayer.memory())) as Effect.Effect<unknown>)

describe("freshness", () => {
  it_("a response is served until it is as old as its lifetime, with its age", () =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => sized(`v${n}`, { "cache-control": "max-age=10" }))
      const client = yield* privately(origin)
      expect(yield* seen(yield* client.get(url))).toEqual({
        status: 200,
        text: "v1",
        cache: "effect-cached; fwd=uri-miss; fwd-status=200; ttl=10; stored"
      })
      yield* TestClock.adjust("9999 millis")
      const hit = yield* client.get(url)
      expect(hit.headers["age"]).toBe("9")
      expect(yield* seen(hit)).toEqual({ status: 200, text: "v1", cache: "effect-cached; hit; ttl=0" })
      yield* TestClock.adjust("1 millis")
      expect((yield* seen(yield* client.get(url))).cache).toBe(
        "effect-cached; fwd=stale; fwd-status=200; ttl=10; stored"
      )
      expect(origin.requests.length).toBe(2)
    }))

  it_("CDN-Cache-Control replaces Cache-Control and Expires where it is a target", () =>
    Effect.gen(function*() {
      const headers = { "cache-control": "no-store", "cdn-cache-control": "max-age=60" }
      const origin = originOf((_, n) => sized(`v${n}`, headers))
      const targeted = yield* shared(origin, { targets: ["CDN-Cache-Control"] })
      yield* targeted.get(url)
      expect(yield* textOf(targeted)).toBe("v1")
      const untargeted = yield* shared(origin)
      yield* untargeted.get("http://example.com/b")
      expect(yield* textOf(untargeted, "http://example.com/b")).toBe("v3")
    }))
})

describe("validation", () => {
  it_("a 304 renews the stored response, and updates its fields", () =>
    Effect.gen(function*() {
      const origin = originOf((request, n) =>
        request.headers["if-none-match"] === "\"1\""
          ? { status: 304, headers: { etag: "\"1\"", "cache-control": "max-age=5", x: "new" } }
          : sized(`v${n}`, { etag: "\"1\"", "cache-control": "max-age=1", x: "old" })
      )
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("2 seconds")
      const validated = yield* client.get(url)
      expect(validated.headers["x"]).toBe("new")
      expect(yield* seen(validated)).toEqual({
        status: 200,
        text: "v1",
        cache: "effect-cached; fwd=stale; fwd-status=304; ttl=5; stored"
      })
      yield* TestClock.adjust("4 seconds")
      expect((yield* client.get(url)).headers["cache-status"]).toBe("effect-cached; hit; ttl=1")
    }))

  it_("one validation asks for all variants, and a 304 says which one it is", () =>
    Effect.gen(function*() {
      const origin = originOf((request) => {
        const asked = request.headers["if-none-match"]
        const language = request.headers["accept-language"] === "de" ? "de" : "en"
        const headers = { etag: `"${language}"`, vary: "Accept-Language", "cache-control": "max-age=60" }
        return asked?.includes(`"${language}"`) === true ? { status: 304, headers } : sized(language, headers)
      })
      const client = yield* privately(origin)
      expect(yield* textOf(client, url, { "accept-language": "de" })).toBe("de")
      expect(yield* textOf(client, url, { "accept-language": "en" })).toBe("en")
      expect(yield* textOf(client, url, { "accept-language": "fr" })).toBe("en")
      expect(origin.requests[2]!.headers["if-none-match"]).toBe("\"en\", \"de\"")
      expect(yield* textOf(client, url, { "accept-language": "fr" })).toBe("en")
      expect(yield* textOf(client, url, { "accept-language": "de" })).toBe("de")
      expect(origin.requests.length).toBe(3)
    }))

  it_("the caller that has the version gets a 304 from the cache", () =>
    Effect.gen(function*() {
      const origin = originOf(() => sized("v1", { etag: "W/\"1\"", "cache-control": "max-age=60" }))
      const client = yield* privately(origin)
      yield* client.get(url)
      expect((yield* client.get(url, { headers: { "if-none-match": "\"0\", \"1\"" } })).status).toBe(304)
      expect((yield* client.get(url, { headers: { "if-none-match": "\"2\"" } })).status).toBe(200)
      expect(origin.requests.length).toBe(1)
    }))

  it_("a caller with a condition gets no 304 that only confirms another version", () =>
    Effect.gen(function*() {
      const origin = originOf((request, n) =>
        request.headers["if-none-match"]?.includes("\"a\"") === true
          ? { status: 304 }
          : sized(`v${n}`, { etag: "\"a\"", vary: "accept", "cache-control": "max-age=60" })
      )
      const client = yield* privately(origin)
      expect(yield* textOf(client, url, { accept: "1" })).toBe("v1")
      const other = yield* client.get(url, { headers: { accept: "2", "if-none-match": "\"mine\"" } })
      expect([other.status, yield* other.text]).toEqual([200, "v3"])
    }))

  it_("a 304 that confirms nothing stored is followed by a request without conditions", () =>
    Effect.gen(function*() {
      const origin = originOf((request, n) =>
        request.headers["if-none-match"] === undefined
          ? sized(`v${n}`, { etag: `"${n}"`, "cache-control": "max-age=1" })
          : { status: 304, headers: { etag: "\"9\"" } }
      )
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("2 seconds")
      expect(yield* textOf(client)).toBe("v3")
    }))

  it_(
    "HEAD is answered by a stored GET, updates one that it describes, and makes another stale",
    () =>
      Effect.gen(function*() {
        let etag = "\"1\""
        const origin = originOf((request, n) =>
          request.method === "HEAD"
            ? { body: null, headers: { etag, "cache-control": "max-age=100" } }
            : sized(`v${n}`, { etag, "cache-control": "max-age=1" })
        )
        const client = yield* privately(origin)
        yield* client.get(url)
        expect((yield* client.head(url)).headers["cache-status"]).toContain("hit")
        yield* TestClock.adjust("2 seconds")
        yield* client.head(url)
        expect(yield* textOf(client)).toBe("v1")
        yield* TestClock.adjust("200 seconds")
        etag = "\"2\""
        yield* client.head(url)
        expect(yield* textOf(client)).toBe("v4")
      })
  )
})

describe("stale responses", () => {
  it_("stale-while-revalidate serves at once, and one refresh runs in the background", () =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => sized(`v${n}`, { "cache-control": "max-age=10, stale-while-revalidate=5" }))
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("12 seconds")
      const texts = yield* Effect.all(Array.from({ length: 10 }, () => textOf(client)), { concurrency: "unbounded" })
      expect(new Set(texts)).toEqual(new Set(["v1"]))
      yield* TestClock.adjust("1 millis")
      expect(yield* textOf(client)).toBe("v2")
      expect(origin.requests.length).toBe(2)
      yield* TestClock.adjust("16 seconds")
      expect(yield* textOf(client)).toBe("v3")
    }))

  const failing = (control: string, reply: Effect.Effect<{ status: number }, "down">) =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => n === 1 ? sized("v1", { "cache-control": control, etag: "\"1\"" }) : reply)
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("20 seconds")
      return yield* client.get(url)
    })

  const down = Effect.fail("down" as const)
  const status = (code: number) => Effect.succeed({ status: code })

  const outage = (reply: Effect.Effect<{ status: number }, "down">) =>
    Effect.gen(function*() {
      const origin = originOf((_, n) =>
        n === 1
          ? sized("v1", { "cache-control": "max-age=10, stale-if-error=60" })
          : Effect.andThen(Effect.sleep("1 second"), n < 5 ? status(503) : reply)
      )
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("20 seconds")
      for (let round = 0; round < 2; round++) {
        const all = yield* Effect.forkChild(
          Effect.all([textOf(client), textOf(client), textOf(client)], { concurrency: 3 })
        )
        yield* TestClock.adjust("3 seconds")
        expect(yield* Fiber.join(all)).toEqual(["v1", "v1", "v1"])
      }
    })

  it_(
    "in an outage all callers get the stale response, also those that do not wait for another",
    () => outage(status(503))
  )
  it_("so they do when the origin can no longer be reached", () => outage(down))

  it_("HEAD and ranges get the stale response, where a GET would get it", () =>
    Effect.gen(function*() {
      const control = { "cache-control": "max-age=10, stale-if-error=60", etag: "\"1\"" }
      for (const [reply, after] of [[status(503), 200], [down, 200], [status(404), 404]] as const) {
        const origin = originOf((_, n) => n === 1 ? sized("0123456789", control) : reply)
        const client = yield* privately(origin)
        yield* client.get(url)
        yield* TestClock.adjust("20 seconds")
        const head = yield* client.head(url)
        expect([head.status, head.headers["content-length"]]).toEqual([after, after === 200 ? "10" : undefined])
        const part = yield* client.get(url, { headers: { range: "bytes=2-4" } })
        expect([part.status, yield* part.text]).toEqual(after === 200 ? [206, "234"] : [404, ""])
        const other = yield* client.get(url, { headers: { range: "bytes=2-4", "if-range": "\"2\"" } })
        expect([other.status, yield* other.text]).toEqual(after === 200 ? [200, "0123456789"] : [404, ""])
        const none = yield* client.get(url, { headers: { range: "bytes=10-" } })
        expect(none.status).toBe(after === 200 ? 416 : 404)
        yield* Cached.clear
      }
      const origin = originOf((_, n) =>
        n === 1 ? sized("v1", { "cache-control": "max-age=10, must-revalidate" }) : Effect.fail("down" as const)
      )
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("20 seconds")
      expect((yield* client.head(url)).status).toBe(504)
      expect((yield* client.get(url, { headers: { range: "bytes=0-0" } })).status).toBe(504)
      expect(yield* Effect.flip(client.head(`${url}?other`))).toMatchObject({ reason: { _tag: "TransportError" } })
    }))

  testIn(CacheLayer.memory()).each<[string, Effect.Effect<{ status: number }, "down">, number, string?]>([
    ["max-age=10, stale-if-error=60", status(503), 200, "hit; fwd-status=503; ttl=-10; detail=origin-failed"],
    ["max-age=10", status(503), 503],
    ["max-age=10", down, 200],
    ["max-age=10, must-revalidate", down, 504, "fwd=stale; detail=origin-failed"],
    ["no-cache", down, 504]
  ])("if the origin fails, in place of a response with %s: %#", function*([control, reply, code, cache]) {
    const { headers, status } = yield* failing(control, reply)
    expect(status).toBe(code)
    if (cache !== undefined) expect(headers["cache-status"]).toBe(`effect-cached; ${cache}`)
  })
})

describe("directives of a request", () => {
  const at8 = (cacheControl: string, control = "max-age=10") =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => sized(`v${n}`, { "cache-control": control }))
      const client = yield* privately(origin)
      yield* client.get(url)
      yield* TestClock.adjust("8 seconds")
      const response = yield* client.get(url, { headers: { "cache-control": cacheControl } })
      return origin.requests.length === 1 ? response.status : "origin" as const
    })

  const rows: ReadonlyArray<readonly [string, string | undefined, number | "origin"]> = [
    ["max-age=8", undefined, 200],
    ["no-cache", "max-age=10, immutable", "origin"],
    ["no-cache", undefined, "origin"],
    ["No-CaChE", undefined, "origin"],
    ["no-store", undefined, "origin"],
    ["max-age=abc", undefined, "origin"],
    ["max-stale", "max-age=1", 200],
    ["only-if-cached", undefined, 200],
    ["only-if-cached", "max-age=1", 504],
    ["only-if-cached, max-stale", "max-age=1", 200]
  ]

  it.effect.each(rows)("%s of a response with %s: %s", ([cacheControl, control, expected]) =>
    Effect.provide(
      Effect.map(at8(cacheControl, control), (result) => expect(result).toBe(expected)),
      CacheLayer.memory()
    ) as Effect.Effect<void>)
})

describe("one load for all callers", () => {
  it_(
    "waiters of a response that may not be shared continue alone at once, and later requests do not wait",
    () =>
      Effect.gen(function*() {
        const origin = originOf((_, n) =>
          Effect.as(Effect.sleep("1 second"), sized(`v${n}`, { "cache-control": "no-store" }))
        )
        const client = yield* privately(origin)
        const three = () =>
          Effect.forkChild(Effect.all([textOf(client), textOf(client), textOf(client)], { concurrency: 3 }))
        const first = yield* three()
        yield* TestClock.adjust("1 second")
        expect(origin.requests.length).toBe(3)
        yield* TestClock.adjust("1 second")
        expect(new Set(yield* Fiber.join(first)).size).toBe(3)
        const second = yield* three()
        yield* TestClock.adjust("1 millis")
        expect(origin.requests.length).toBe(6)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(second)
        yield* TestClock.adjust("2 minutes")
        const third = yield* three()
        yield* TestClock.adjust("1 millis")
        expect(origin.requests.length).toBe(7)
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(third)
      })
  )

  it_("after a response that may not be shared, the next that may is stored", () =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => sized(`v${n}`, { "cache-control": n === 1 ? "no-store" : "max-age=60" }))
      const client = yield* privately(origin)
      expect([yield* textOf(client), yield* textOf(client), yield* textOf(client)]).toEqual(["v1", "v2", "v2"])
    }))

  it_("waiters with other fields get their own variant", () =>
    Effect.gen(function*() {
      const origin = originOf((request) =>
        Effect.as(
          Effect.sleep("1 second"),
          sized(request.headers["accept-language"]!, { "cache-control": "max-age=60", vary: "Accept-Language" })
        )
      )
      const client = yield* privately(origin)
      const languages = ["de", "en", "de", "en", "de"]
      const all = yield* Effect.forkChild(
        Effect.all(languages.map((one) => textOf(client, url, { "accept-language": one })), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(all)).toEqual(languages)
      expect(origin.requests.length).toBe(2)
    }))
})

describe("invalidation", () => {
  it_(
    "an unsafe method that succeeded makes its target stale, and Location of the same origin",
    () =>
      Effect.gen(function*() {
        const other = "http://example.com/other?q=1"
        const foreign = "http://another.example/a"
        let reply: { status: number; headers: Record<string, string> } = { status: 500, headers: {} }
        const origin = originOf((request, n) =>
          request.method === "GET" ? sized(`v${n}`, { "cache-control": "max-age=60" }) : reply
        )
        const client = yield* privately(origin)
        const texts = () => Effect.all([textOf(client), textOf(client, other), textOf(client, foreign)])
        expect(yield* texts()).toEqual(["v1", "v2", "v3"])
        yield* client.post(url)
        expect(yield* texts()).toEqual(["v1", "v2", "v3"])
        reply = { status: 201, headers: { location: "/other?q=1#part", "content-location": foreign } }
        yield* client.post(url)
        expect(yield* texts()).toEqual(["v6", "v7", "v3"])
      })
  )

  it_("a response that was begun before is not stored", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const origin = originOf((request, n) =>
        request.method !== "GET"
          ? { status: 204 }
          : n === 1
          ? Effect.as(Deferred.await(gate), sized("old", { "cache-control": "max-age=60" }))
          : sized("new", { "cache-control": "max-age=60" })
      )
      const client = yield* privately(origin)
      const early = yield* Effect.forkChild(textOf(client))
      yield* TestClock.adjust("1 second")
      yield* client.put(url)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(early)).toBe("old")
      expect(yield* textOf(client)).toBe("new")
    }))

  it.effect("an interruption after the response does not skip the invalidation", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make()
      const store: Store.Store = {
        ...memory,
        invalidateTags: (...given) => Effect.delay(memory.invalidateTags(...given), "10 millis")
      }
      const other = "http://example.com/other"
      const origin = originOf((request, n) =>
        request.method === "GET"
          ? sized(`v${n}`, { "cache-control": "max-age=60" })
          : { status: 204, headers: { location: other } }
      )
      const within = Effect.provide(
        Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, store))
      )
      yield* within(Effect.gen(function*() {
        const client = yield* privately(origin)
        const later = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.flatMap(Effect.forkChild(effect), (fiber) =>
            Effect.andThen(TestClock.adjust("5 seconds"), Fiber.join(fiber)))
        expect([yield* later(textOf(client)), yield* later(textOf(client, other))]).toEqual(["v1", "v2"])
        expect([yield* later(textOf(client)), yield* later(textOf(client, other))]).toEqual(["v1", "v2"])
        const put = yield* Effect.forkChild(client.put(url))
        yield* TestClock.adjust("5 millis")
        yield* later(Fiber.interrupt(put))
        expect([yield* later(textOf(client)), yield* later(textOf(client, other))]).toEqual(["v4", "v5"])
      }))
    }) as Effect.Effect<void>)

  it_("an answer to HEAD that was begun before updates nothing", () =>
    Effect.gen(function*() {
      const origin = originOf((request, n) =>
        request.method === "HEAD"
          ? Effect.as(Effect.sleep("1 second"), {
            body: null,
            headers: { etag: "\"1\"", "cache-control": "max-age=9999" }
          })
          : request.method === "PUT"
          ? { status: 204 }
          : sized(`v${n}`, { etag: "\"1\"", "cache-control": "max-age=5" })
      )
      const client = yield* privately(origin)
      expect(yield* textOf(client)).toBe("v1")
      yield* TestClock.adjust("6 seconds")
      const early = yield* Effect.forkChild(client.head(url))
      yield* TestClock.adjust("10 millis")
      yield* client.put(url)
      expect(yield* textOf(client)).toBe("v4")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(early)
      expect((yield* client.get(url)).headers["cache-status"]).toBe("effect-cached; hit; ttl=4")
    }))

  it_("groups, Clear-Site-Data and tags", () =>
    Effect.gen(function*() {
      const origin = originOf((request, n) => {
        if (request.url.endsWith("/clear")) return { headers: { "clear-site-data": "\"cookies\", \"cache\"" } }
        if (request.method === "GET") {
          return sized(`v${n}`, { "cache-control": "max-age=60", "cache-groups": "\"g\", \"h\"" })
        }
        return { status: 204, headers: { "cache-group-invalidation": "\"g\"" } }
      })
      const client = yield* privately(origin, {
        tags: (request, { status }) => [`path:${request.url}`, `status:${status}`]
      })
      expect(yield* textOf(client)).toBe("v1")
      yield* client.post("http://example.com/b")
      expect(yield* textOf(client)).toBe("v3")
      yield* client.post("http://another.example/b")
      expect(yield* textOf(client)).toBe("v3")
      yield* client.get("http://example.com/clear")
      expect(yield* textOf(client)).toBe("v6")
      yield* Cached.invalidate({ tag: `path:${url}` })
      expect(yield* textOf(client)).toBe("v7")
      yield* Cached.invalidate({ tag: "status:200" })
      expect(yield* textOf(client)).toBe("v8")
    }))
})

describe("users", () => {
  const named = originOf.bind(undefined, (request) =>
    sized(
      request.headers["authorization"] ?? request.headers["cookie"] ?? "anonymous",
      { "cache-control": "max-age=60" }
    ))

  it_("one user's answer never reaches another's, and no store sees credentials", () =>
    Effect.gen(function*() {
      const origin = named()
      const client = yield* privately(origin)
      const users = [{ authorization: "a" }, { authorization: "b" }, { cookie: "a" }, { cookie: "c" }, {}]
      for (const user of [...users, ...users]) {
        expect(yield* textOf(client, url, user as Record<string, string>)).toBe(Object.values(user)[0] ?? "anonymous")
      }
      expect(origin.requests.length).toBe(5)
      yield* textOf(client, "http://name:secret@example.com/u")
      const ids = Array.from(yield* Stream.runCollect(Looking.ids()))
      expect(ids.length).toBe(6)
      expect(ids.filter((id) => /secret|name:/.test(id))).toEqual([])
    }))

  it_("a request with a body passes by", () =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => ({ body: `v${n}`, headers: { "cache-control": "max-age=60" } }))
      const client = yield* shared(origin)
      for (const body of ["", "a", "b"]) {
        yield* client.execute(HttpClientRequest.bodyText(HttpClientRequest.get(url), body))
      }
      expect(yield* textOf(client)).toBe("v4")
    }))

  it_("a shared cache treats the user in a URL as Authorization", () =>
    Effect.gen(function*() {
      const origin = originOf((request) => sized(request.url, { "cache-control": "max-age=60" }))
      const client = yield* shared(origin)
      for (const user of ["http://ada:1@example.com/a", "http://bob:2@example.com/a"]) {
        expect(yield* textOf(client, user)).toBe(user)
      }
    }))

  it_("partition replaces the credentials", () =>
    Effect.gen(function*() {
      const origin = named()
      const client = yield* privately(origin, { partition: (request) => request.headers["x-tenant"] ?? "" })
      yield* textOf(client, url, { authorization: "a", "x-tenant": "1" })
      expect(yield* textOf(client, url, { authorization: "b", "x-tenant": "1" })).toBe("a")
      expect(yield* textOf(client, url, { authorization: "b", "x-tenant": "2" })).toBe("b")
    }))
})

describe("bodies", () => {
  it_("a body streams to all while it arrives, and is stored once it is complete", () =>
    Effect.gen(function*() {
      const slow = slowBody()
      const origin = originOf(() => ({ body: slow.body, headers: { "cache-control": "max-age=60" } }))
      const client = yield* privately(origin)
      const one = yield* Effect.forkChild(Effect.flatMap(client.get(url), collect))
      const two = yield* Effect.forkChild(Effect.flatMap(client.get(url), collect))
      yield* TestClock.adjust("1 millis")
      slow.send("ab")
      slow.send("cd")
      slow.end()
      expect([yield* Fiber.join(one), yield* Fiber.join(two)]).toEqual(["abcd", "abcd"])
      expect(yield* seen(yield* client.get(url))).toMatchObject({ text: "abcd", cache: "effect-cached; hit; ttl=59" })
      expect(origin.requests.length).toBe(1)
    }))

  const incomplete = (
    name: string,
    reply: () => { body: any; headers: Record<string, string> },
    fails: boolean,
    maxBody = 1000
  ) =>
    it_(`${name} is not stored`, () =>
      Effect.gen(function*() {
        const origin = originOf((_, n) => n === 1 ? reply() : sized("whole", { "cache-control": "max-age=60" }))
        const client = yield* privately(origin, { maxBody })
        const first = yield* Effect.exit(Effect.flatMap(client.get(url), collect))
        expect(first._tag).toBe(fails ? "Failure" : "Success")
        expect(yield* textOf(client)).toBe("whole")
        expect(yield* textOf(client)).toBe("whole")
        expect(origin.requests.length).toBe(2)
      }))

  const control = { "cache-control": "max-age=60" }
  incomplete("a body that is cut short", () => {
    const slow = slowBody()
    slow.send("ha")
    slow.fail()
    return { body: slow.body, headers: control }
  }, true)
  incomplete(
    "a body of a wrong length",
    () => ({ body: "half", headers: { ...control, "content-length": "80" } }),
    false
  )
  incomplete(
    "a large body of a wrong length",
    () => ({
      body: "x".repeat(80_000),
      headers: { ...control, "content-length": "80001" }
    }),
    true,
    100_000
  )
  incomplete("a body above maxBody", () => ({ body: "x".repeat(2000), headers: control }), false)
  incomplete("a body that announces more than maxBody", () => sized("x".repeat(2000), control), false)

  it_("a body whose reader left in the middle is never taken up again, and never stored", () =>
    Effect.gen(function*() {
      const slow = slowBody()
      const origin = originOf((_, n) => n === 1 ? { body: slow.body, headers: control } : sized("whole", control))
      const client = yield* privately(origin)
      const response = yield* client.get(url)
      const reader = yield* Effect.forkChild(Stream.runHead(response.stream))
      yield* TestClock.adjust("1 millis")
      slow.send("ha")
      yield* Fiber.join(reader)
      expect((yield* Effect.exit(collect(response)))._tag).toBe("Failure")
      expect(yield* textOf(client)).toBe("whole")
    }))

  it_(
    "the caller that has a head gets its whole body, also if the only reader of the body leaves",
    () =>
      Effect.gen(function*() {
        for (const laterHead of [false, true]) {
          const slow = slowBody()
          const origin = originOf(() => ({ body: slow.body, headers: control }))
          const client = yield* privately(origin, { maxBody: 1000 })
          const first = yield* client.get(url)
          const early = yield* client.get(url)
          const reader = yield* Effect.forkChild(collect(first))
          yield* TestClock.adjust("1 millis")
          slow.send("ha")
          yield* TestClock.adjust("1 millis")
          const waiting = laterHead ? yield* client.get(url) : early
          if (laterHead) yield* Effect.forkChild(collect(early)).pipe(Effect.flatMap(Fiber.interrupt))
          yield* Fiber.interrupt(reader)
          slow.send("lf")
          slow.end()
          yield* TestClock.adjust("1 millis")
          expect(yield* collect(waiting)).toBe("half")
          expect(yield* textOf(client)).toBe("half")
          expect(origin.requests.length).toBe(1)
          yield* Cached.clear
        }
      })
  )

  it_("a body that is gone when a 304 arrives is loaded again", () =>
    Effect.gen(function*() {
      const slow = slowBody()
      const headers = { "cache-control": "max-age=0", etag: "\"1\"" }
      const origin = originOf((request, n) =>
        n === 1
          ? { body: slow.body, headers }
          : request.headers["if-none-match"] === undefined
          ? sized("whole", headers)
          : Effect.as(Effect.sleep("1 second"), { status: 304, headers })
      )
      const client = yield* privately(origin)
      const reader = yield* Effect.forkChild(Effect.flatMap(client.get(url), collect))
      yield* TestClock.adjust("1 millis")
      slow.send("ha")
      yield* TestClock.adjust("1 millis")
      const other = yield* Effect.forkChild(textOf(client))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(reader)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(other)).toBe("whole")
    }))

  it_(
    "a body that is no longer there when its caller begins to read is loaded again, if it is the same",
    () =>
      Effect.gen(function*() {
        for (const etag of ["\"1\"", "\"2\""]) {
          const origin = originOf((_, n) => ({
            body: "x".repeat(2000),
            headers: { ...control, etag: n === 1 ? "\"1\"" : etag }
          }))
          const client = yield* privately(origin, { maxBody: 1000 })
          const [first, second] = [yield* client.get(url), yield* client.get(url)]
          expect(yield* collect(first)).toHaveLength(2000)
          const exit = yield* Effect.exit(collect(second))
          expect(exit._tag).toBe(etag === "\"1\"" ? "Success" : "Failure")
          if (exit._tag === "Success") expect(exit.value).toHaveLength(2000)
          expect(origin.requests.length).toBe(2)
          yield* Cached.clear
        }
      })
  )

  it_("a range is taken out of a body that is loaded again", () =>
    Effect.gen(function*() {
      const headers = { ...control, etag: "\"1\"", "content-length": "200000" }
      const bytes = Stream.make(new TextEncoder().encode("whole"), new Uint8Array(199_995))
      const origin = originOf((request) =>
        request.headers["range"] === undefined
          ? { body: Stream.toReadableStream(bytes), headers }
          : {
            status: 206,
            body: "ol",
            headers: { ...headers, "content-length": "2", "content-range": "bytes 2-3/200000" }
          }
      )
      const client = yield* privately(origin)
      expect(yield* textOf(client)).toHaveLength(200_000)
      const part = yield* client.get(url, { headers: { range: "bytes=2-3" } })
      yield* Cached.clear
      expect([part.status, yield* collect(part), origin.requests.length]).toEqual([206, "ol", 2])
    }))

  it_("no range is taken out of a body that is loaded again without a validator", () =>
    Effect.gen(function*() {
      const bytes = (n: number) => Stream.make(new TextEncoder().encode(`v${n}`), new Uint8Array(199_998))
      const headers = { ...control, "content-length": "200000" }
      const origin = originOf((_, n) => ({ body: Stream.toReadableStream(bytes(n)), headers }))
      const client = yield* privately(origin)
      yield* textOf(client)
      const part = yield* client.get(url, { headers: { range: "bytes=0-1" } })
      yield* Cached.clear
      expect((yield* Effect.exit(collect(part)))._tag).toBe("Failure")
    }))

  it_("a body in whose place the stale response is served holds no connection", () =>
    Effect.gen(function*() {
      let open = 0
      const endless = () => {
        open++
        return new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(new Uint8Array(1000)),
          cancel: () => void open--
        })
      }
      let isDown = false
      const headers = {
        "cache-control": "max-age=1, stale-while-revalidate=5, stale-if-error=60",
        "content-length": "5"
      }
      const origin = originOf(() => isDown ? { status: 503, body: endless() } : { body: "whole", headers })
      const client = yield* privately(origin)
      yield* textOf(client)
      isDown = true
      const ask = (more: Record<string, string> = {}) => client.get(url, { headers: more })
      for (
        const [wait, request] of [["2 seconds", ask()], ["5 seconds", ask()], [0, ask({ range: "bytes=0-1" })]] as const
      ) {
        yield* TestClock.adjust(wait)
        expect((yield* request).status).toBeOneOf([200, 206])
        yield* settle
      }
      const all = yield* Effect.all(Array.from({ length: 10 }, () => ask()), { concurrency: "unbounded" })
      expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
      yield* settle
      expect([origin.requests.length, open]).toEqual([14, 0])
    }))

  it_(
    "a body is read, and stored, although its caller gets a 304",
    () =>
      Effect.gen(function*() {
        let chunks = 0
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => chunks++ < 200 ? controller.enqueue(new Uint8Array(1000)) : controller.close()
        }, { highWaterMark: 0 })
        const origin = originOf(() => ({ body, headers: { ...control, etag: "\"1\"" } }))
        const client = yield* privately(origin)
        const response = yield* client.get(url, { headers: { "if-none-match": "\"1\"" } })
        expect(response.status).toBe(304)
        // The reader bounds its wait for each part, which takes turns.
        yield* settle
        yield* settle
        expect(chunks).toBe(201)
        expect([(yield* textOf(client)).length, origin.requests.length]).toEqual([200_000, 1])
      })
  )

  it_("single ranges come out of a complete response", () =>
    Effect.gen(function*() {
      const origin = originOf((request) =>
        request.headers["range"] === undefined
          ? sized("0123456789", { ...control, etag: "\"1\"" })
          : { status: 206, body: "part", headers: { "content-range": "bytes 0-3/10" } }
      )
      const client = yield* privately(origin)
      const range = (value: string, more: Record<string, string> = {}) =>
        Effect.flatMap(client.get(url, { headers: { range: value, ...more } }), (response) =>
          Effect.map(response.text, (text) => [response.status, text, response.headers["content-range"]]))
      expect(yield* range("bytes=0-3")).toEqual([206, "part", "bytes 0-3/10"])
      yield* client.get(url)
      expect(yield* range("bytes=2-4")).toEqual([206, "234", "bytes 2-4/10"])
      expect(yield* range("bytes=-3")).toEqual([206, "789", "bytes 7-9/10"])
      expect(yield* range("bytes=8-")).toEqual([206, "89", "bytes 8-9/10"])
      expect(yield* range("bytes=10-")).toEqual([416, "", "bytes */10"])
      expect(yield* range("bytes=0-1,3-4")).toEqual([200, "0123456789", undefined])
      expect(yield* range("bytes=0-1", { "if-range": "\"2\"" })).toEqual([200, "0123456789", undefined])
      expect(yield* range("bytes=0-1", { "if-range": "\"1\"" })).toEqual([206, "01", "bytes 0-1/10"])
      expect(origin.requests.length).toBe(2)
    }))
})

describe("the cache", () => {
  it_("policies and detect work through the client", () =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => sized(`v${n}`, { "cache-control": "max-age=60" }))
      const client = yield* privately(origin)
      const [first, reads] = yield* Cached.detect(textOf(client))
      expect([first, reads.length]).toEqual(["v1", 1])
      expect(yield* CachePolicy.disable("set")(textOf(client))).toBe("v1")
      expect(yield* CachePolicy.bypass(textOf(client))).toBe("v2")
      expect(yield* textOf(client)).toBe("v1")
      expect(yield* CachePolicy.refresh(textOf(client))).toBe("v3")
      expect(yield* textOf(client)).toBe("v3")
    }))

  it_("a stored body is read under each policy", () =>
    Effect.gen(function*() {
      const headers = { "cache-control": "max-age=60", etag: "\"1\"" }
      const origin = originOf((request, n) =>
        request.headers["if-none-match"] === undefined ? { body: `v${n}`, headers } : { status: 304, headers }
      )
      const client = yield* privately(origin)
      expect(yield* textOf(client)).toBe("v1")
      expect(yield* CachePolicy.refresh(textOf(client))).toBe("v1")
      expect(origin.requests.length).toBe(2)
      const { disable, refresh, bypass } = CachePolicy
      for (const policy of [refresh, bypass, disable("set"), disable("get")]) {
        expect(yield* policy((yield* client.get(url)).text)).toBe("v1")
      }
      expect(yield* textOf(client)).toBe("v1")
      expect(origin.requests.length).toBe(2)
    }))

  it("options are checked when the client is made", () => {
    const wrong: ReadonlyArray<readonly [object, RegExp]> = [
      [{}, /mode must be/],
      [{ mode: "public" }, /mode must be/],
      [{ mode: "shared", partition: () => "" }, /partition is for private mode/],
      [{ mode: "private", maxBody: -1 }, /maxBody/],
      [{ mode: "private", maxVariants: 0 }, /maxVariants/],
      [{ mode: "private", maxBodies: 1 }, /no option "maxBodies".*maxBody/],
      [{ mode: "private", targets: "CDN-Cache-Control" }, /targets/],
      [{ mode: "private", secret: "s" }, /secret must be Redacted/],
      [{ mode: "private", keep: "-1 second" }, /keep/]
    ]
    for (const [options, message] of wrong) {
      let thrown: unknown
      try {
        CachedHttpClient.layer(options as never)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(CacheError.CacheConfigError)
      expect((thrown as Error).message).toMatch(message)
    }
    CachedHttpClient.layer({ mode: "private", secret: Redacted.make("s"), maxBody: "1 MiB", keep: 0 })
  })
})
