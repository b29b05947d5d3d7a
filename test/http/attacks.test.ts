/** Requests and origins that mean harm: nothing is confused, and what is stored stays bounded. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { originOf, privately, shared, textOf, url } from "./origin.ts"

const control = { "cache-control": "max-age=60" }

const it_ = (name: string, program: () => Effect.Effect<unknown, unknown, any>) =>
  it.effect(name, () => program().pipe(Effect.provide(CacheLayer.memory())) as Effect.Effect<unknown>)

/** Whether a second request is answered by the response to the first, which has these fields. */
const isReused = (headers: Record<string, string>, status = 200) =>
  Effect.gen(function*() {
    const origin = originOf((_, n) => ({ body: `v${n}`, headers, status }))
    const client = yield* shared(origin)
    yield* textOf(client)
    yield* TestClock.adjust("1 second")
    yield* textOf(client)
    return origin.requests.length === 1
  })

describe("fields of an origin that lies", () => {
  const long = "x".repeat(65_536)
  const future = "Fri, 01 Jan 2038 01:01:01 GMT"
  const rows: ReadonlyArray<readonly [Record<string, string>, boolean]> = [
    [{ "cache-control": "max-age=60, max-age=0" }, false],
    [{ "cache-control": "max-age=0, max-age=60" }, false],
    [{ "cache-control": "max-age=60, no-store" }, false],
    [{ "cache-control": "max-age=60 no-store" }, false],
    [{ "cache-control": "max-age = 60" }, false],
    [{ "cache-control": "max-age=6e1" }, false],
    [{ "cache-control": "max-age=-60" }, false],
    [{ "cache-control": "max-age='60'" }, false],
    [{ "cache-control": "x=\"a, max-age=60" }, false],
    [{ "cache-control": "x=\"\\\", max-age=60\"" }, false],
    [{ "cache-control": `max-age=60, x=${long}` }, true],
    [{ "cache-control": `${"a,".repeat(32_768)}no-store, max-age=60` }, false],
    [{ "cache-control": "max-age=60, private=\"set-cookie\"" }, true],
    [{ "cache-control": "max-age=60, private=\"\"" }, false],
    [{ "cache-control": "max-age=99999999999999999999" }, true],
    [{ expires: "0" }, false],
    [{ expires: long }, false],
    [{ expires: `${future}, ${future}` }, false],
    [{ expires: "Fri, 31 Feb 2038 01:01:01 GMT" }, false],
    [{ expires: "Fri, 01 Jan 2038 24:01:01 GMT" }, false],
    [{ expires: future }, true],
    [{ ...control, age: "99999999999" }, false],
    [{ ...control, age: "-1" }, true],
    [{ ...control, vary: "*" }, false],
    [{ ...control, vary: "accept, *" }, false],
    [{ ...control, vary: long }, true]
  ]
  it.effect.each(rows)(
    "%#: %j",
    ([headers, reused]) =>
      Effect.map(isReused(headers), (result) => expect(result).toBe(reused)).pipe(
        Effect.provide(CacheLayer.memory())
      ) as Effect.Effect<void>
  )

  it_("a Date in the future or long ago makes nothing fresher", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      const expires = "Thu, 01 Jan 2026 01:00:00 GMT"
      expect(yield* isReused({ expires, date: "Thu, 01 Jan 2026 02:00:00 GMT" })).toBe(false)
      expect(yield* isReused({ expires, date: "Wed, 31 Dec 2025 01:00:00 GMT", age: "90000" })).toBe(false)
    }))
})

describe("the key", () => {
  it_("different paths never share a response, and equal ones do", () =>
    Effect.gen(function*() {
      const origin = originOf(({ url }) => ({ body: url, headers: control }))
      const client = yield* shared(origin)
      const different = ["/a", "/a/", "//a", "/A", "/a%2Fb", "/a/b", "/a?", "/a?b", "/a?B", "/a;b", "/%61"]
      for (const path of different) expect(yield* textOf(client, `http://h.example${path}`)).toContain(path)
      const before = origin.requests.length
      expect(before).toBeGreaterThanOrEqual(different.length - 1)
      for (
        const equal of [
          "http://H.example:80/a",
          "http://h.example/b/../a",
          "http://h.example/b/%2e%2e/a",
          "http://h.example/a#x"
        ]
      ) {
        expect(yield* textOf(client, equal)).toBe("http://h.example/a")
      }
      expect(yield* textOf(client, "https://h.example/a")).toBe("https://h.example/a")
      expect(yield* textOf(client, "http://h.example:8080/a")).toBe("http://h.example:8080/a")
      expect(origin.requests.length).toBe(before + 2)
    }))

  it_("a Vary explosion keeps the newest variants", () =>
    Effect.gen(function*() {
      const origin = originOf(({ headers }) => ({ body: headers["accept"]!, headers: { ...control, vary: "Accept" } }))
      const client = yield* privately(origin, { maxVariants: 4 })
      for (let i = 0; i < 100; i++) expect(yield* textOf(client, url, { accept: String(i) })).toBe(String(i))
      // The first one stays too: it tells other processes what the response depends on.
      for (let i = 97; i < 100; i++) yield* textOf(client, url, { accept: String(i) })
      expect(origin.requests.length).toBe(100)
      expect((yield* Cached.stats).size).toBeLessThan(110)
    }))

  it_("what another origin answered after a redirect is not stored under this URL", () =>
    Effect.gen(function*() {
      const origin = originOf((_, n) => ({ body: `v${n}`, headers: control, url: "http://another.example/a" }))
      const client = yield* privately(origin)
      const first = yield* client.get(url)
      expect(first.headers["cache-status"]).toBe("effect-cached; fwd=uri-miss; fwd-status=200; detail=redirect")
      expect(yield* textOf(client)).toBe("v2")
    }))

  const elsewhere = "http://another.example/a"

  it_(
    "a 304 or an answer to HEAD from another origin, after a redirect, updates nothing",
    () =>
      Effect.gen(function*() {
        const forged = { etag: "\"1\"", "cache-control": "max-age=9999", "content-type": "text/forged" }
        const origin = originOf((request, n) =>
          request.method === "HEAD"
            ? { body: null, headers: forged, url: elsewhere }
            : request.headers["if-none-match"] === undefined
            ? { body: `v${n}`, headers: { etag: "\"1\"", "cache-control": "max-age=1", "content-type": "text/plain" } }
            : { status: 304, headers: forged, url: elsewhere }
        )
        const client = yield* privately(origin)
        expect(yield* textOf(client)).toBe("v1")
        yield* TestClock.adjust("2 seconds")
        yield* client.head(url)
        const next = yield* client.get(url)
        expect([next.headers["content-type"], yield* next.text]).toEqual(["text/plain", "v4"])
      })
  )

  it_("after a redirect, an answer clears the caches of its own origin, and its own URL", () =>
    Effect.gen(function*() {
      const origin = originOf(({ method, url: at }, n) =>
        method === "GET"
          ? { body: `v${n}`, headers: { ...control, "cache-groups": "\"g\"" } }
          : at.endsWith("/moved")
          ? { url }
          : { url: elsewhere, headers: { "clear-site-data": "\"cache\"", "cache-group-invalidation": "\"g\"" } }
      )
      const client = yield* privately(origin)
      expect([yield* textOf(client), yield* textOf(client, elsewhere)]).toEqual(["v1", "v2"])
      yield* client.post("http://example.com/b")
      expect([yield* textOf(client), yield* textOf(client, elsewhere)]).toEqual(["v1", "v4"])
      yield* client.post("http://example.com/moved")
      expect(yield* textOf(client)).toBe("v6")
    }))

  it_(
    "a redirect itself is stored, as HttpClient.followRedirects over the cache sees it",
    () =>
      Effect.gen(function*() {
        const origin = originOf((request) =>
          request.url === url
            ? { status: 301, headers: { ...control, location: "/b" }, body: null }
            : { body: "b", headers: control }
        )
        const client = HttpClient.followRedirects(yield* privately(origin))
        expect([yield* textOf(client), yield* textOf(client)]).toEqual(["b", "b"])
        expect(origin.requests.length).toBe(2)
      })
  )
})

describe("bodies", () => {
  it_("what a caller does to a body changes nothing that is stored", () =>
    Effect.gen(function*() {
      const origin = originOf(() => ({ body: "abc", headers: { ...control, "content-length": "3" } }))
      const client = yield* privately(origin)
      const spoil = (bytes: Uint8Array) => void bytes.fill(0)
      spoil(new Uint8Array(yield* (yield* client.get(url)).arrayBuffer))
      yield* Stream.runForEach((yield* client.get(url)).stream, (chunk) => Effect.sync(() => spoil(chunk)))
      expect(yield* textOf(client)).toBe("abc")
    }))
})
