/** The answers of the rules of RFC 9110 and RFC 9111 for heads of requests and responses, at the borders of each. */
import { describe, expect, it } from "@effect/vitest"
import { anonymousFields, harmlessWith, isHarmless, personalBy } from "../../src/http/rules/anonymous.ts"
import { renderStatus } from "../../src/http/rules/cacheStatus.ts"
import { dateOf, directivesOf, etagOf, type Fields, isStrong, listOf, membersOf } from "../../src/http/rules/fields.ts"
import { freshnessOf, usableMillis } from "../../src/http/rules/freshness.ts"
import { clearsCache, groupsOf, invalidatedUrls, isSafe } from "../../src/http/rules/invalidation.ts"
import { rangeOf } from "../../src/http/rules/ranges.ts"
import { mayServeOnError, requestDirectives, reuseOf } from "../../src/http/rules/reuse.ts"
import { matches, valuesOf, varyingOf } from "../../src/http/rules/selection.ts"
import { isExplicit, isForAll, type Mode, storedFields, whyNotStored } from "../../src/http/rules/storing.ts"
import { controlOf } from "../../src/http/rules/targeted.ts"
import {
  conditionsOf,
  contradicts,
  hasSameValidator,
  isConditional,
  isConfirmed,
  isForOrigin,
  isSameEtag,
  isUnchanged
} from "../../src/http/rules/validation.ts"

const now = Date.UTC(2026, 10, 29)
const changed = "Sun, 08 Nov 2026 00:00:00 GMT"
const later = "Sun, 08 Nov 2026 00:00:01 GMT"

const control = (value: string) => controlOf({ "cache-control": value }, [])

describe("fields", () => {
  it("lists end at commas outside of quotes, without spaces around a member", () => {
    expect(listOf(undefined)).toEqual([])
    expect(listOf(" a ,,\tb")).toEqual(["a", "b"])
    expect(listOf("  ")).toEqual([])
    expect(membersOf("\"a, b\", c")).toEqual(["\"a, b\"", "c"])
    expect(membersOf("\"x\", \"a, b")).toEqual(["\"x\"", "\"a, b"])
    expect(membersOf("\"a\"")).toEqual(["\"a\""])
    expect(membersOf("\"a\",")).toEqual(["\"a\"", ""])
  })

  it("a space beside = makes no number", () => {
    expect(Object.fromEntries(directivesOf("max-age =5, a=1, B = 2, c"))).toEqual({
      "max-age": [" 5"],
      a: ["1"],
      b: ["  2"],
      c: [undefined]
    })
  })

  it.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Sunday, 06-Nov-94 08:49:37 GMT", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Sun Nov  6 08:49:37 1994", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Sun Nov 16 08:49:37 1994", Date.UTC(1994, 10, 16, 8, 49, 37)],
    ["Sunday, 06-Nov-76 23:59:00 GMT", Date.UTC(2076, 10, 6, 23, 59)],
    ["Sunday, 06-Nov-77 23:59:00 GMT", Date.UTC(1977, 10, 6, 23, 59)],
    ["Wed, 31 Jun 2026 08:49:37 GMT", undefined],
    ["Sun, 06 Nov 1994 24:00:00 GMT", undefined],
    ["Sun, 06 Nov 1994 08:60:00 GMT", undefined],
    ["Sun, 06 Nov 1994 08:49:3: GMT", undefined],
    ["Sun, 06 Nov 1994 ::08:49:37 GMT", undefined],
    ["Sun, 06 Nov 1994 1:08:49 GMT", undefined],
    ["Sun, 06 Xyz 1994 08:49:37 GMT", undefined],
    ["x Sun Nov  6 08:49:37 1994", undefined],
    ["Sun Nov  6 08:49:37 1994 x", undefined],
    ["Sun, 06 Nov 94 08:49:37 GMT", undefined]
  ])("the date %s", (text, millis) => expect(dateOf(text, now)).toBe(millis))

  it("each month has its number", () => {
    for (let month = 0; month < 12; month++) {
      const at = Date.UTC(2026, month, 1, 23, 59, 59)
      expect(dateOf(new Date(at).toUTCString(), now)).toBe(at)
    }
  })

  it("entity tags", () => {
    for (const etag of ["\"a\"", "W/\"a\"", "\"\""]) expect(etagOf(etag)).toBe(etag)
    for (const other of ["a", "x\"a\"", "\"a b\"", "\"a\"x", "w/\"a\"", undefined]) {
      expect(etagOf(other)).toBeUndefined()
    }
    expect([isStrong("\"a\""), isStrong("W/\"a\""), isStrong(undefined)]).toEqual([true, false, false])
  })
})

describe("a response may be stored", () => {
  const why = (mode: Mode, status: number, cacheControl: string, request: Fields = {}, more: Fields = {}) => {
    const fields = { "cache-control": cacheControl, ...more }
    const judged = {
      control: control(cacheControl),
      isForAll: isForAll(control(cacheControl)),
      isImplicit: mode === "private" || status !== 404
    }
    return whyNotStored({ mode, harmless: harmlessWith([]) }, request, { status, fields }, judged)
  }

  it("unless it is a part, its status is not understood, or nothing says so", () => {
    for (const status of [100, 199, 206, 304]) expect(why("private", status, "max-age=5")).toBe("status")
    for (const status of [200, 302, 418, 599]) expect(why("private", status, "max-age=5")).toBeUndefined()
    const understood = [200, 201, 205, 302, 303, 307, 400, 403, 417, 421, 451, 500, 505]
    for (const status of understood) expect(why("private", status, "max-age=5, must-understand")).toBeUndefined()
    for (const status of [207, 299, 309, 399, 418, 499, 506, 599]) {
      expect(why("private", status, "max-age=5, must-understand")).toBe("status")
    }
    expect(why("private", 200, "no-store")).toBe("no-store")
    expect(why("private", 200, "no-store, must-understand")).toBeUndefined()
    expect(why("private", 302, "")).toBe("implicit")
    expect([why("private", 404, ""), why("shared", 404, ""), why("shared", 200, "")])
      .toEqual([undefined, "implicit", undefined])
    expect(why("private", 302, "private")).toBeUndefined()
    expect(why("shared", 302, "private=\"x-a\"")).toBe("implicit")
    expect(why("shared", 302, "s-maxage=1")).toBeUndefined()
    expect(why("private", 302, "s-maxage=1")).toBe("implicit")
    expect(why("private", 200, "max-age=5", {}, { vary: "*" })).toBe("vary")
    expect(isExplicit("private", { expires: "0" }, control(""))).toBe(true)
  })

  it("by a shared cache if it cannot name a user, or is for all", () => {
    expect(why("shared", 200, "private")).toBe("private")
    const authorized = { authorization: "me" }
    expect(why("shared", 200, "max-age=5", authorized)).toBe("authorization")
    for (const forAll of ["public", "s-maxage=5"]) expect(why("shared", 200, forAll, authorized)).toBeUndefined()
    const harmless = harmlessWith([])
    expect(personalBy({ "proxy-authorization": "me" }, ["proxy-authorization"], harmless)).toBe("proxy-authorization")
    expect(personalBy({ "x-user": undefined, "x-me": "me" }, ["x-me"], harmless)).toBeUndefined()
    expect(personalBy({ "x-user": "me" }, [], harmless)).toBe("x-user")
    expect(isHarmless("sec-ch-anything", harmless)).toBe(true)
    expect(harmless.has("sec-ch-anything")).toBe(true)
    for (let i = 0; i < 2000; i++) isHarmless(`sec-ch-${i}`, harmless)
    expect(harmless.size).toBe(1000)
    expect(isHarmless("user-agent", harmlessWith([]))).toBe(true)
    expect(Object.values(anonymousFields).flat().every((name) => /^:?[a-z0-9-]+\*?$/.test(name))).toBe(true)
  })

  it("without the fields of the connection, and those that are withheld", () => {
    const names = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "trailer"]
    const proxies = ["proxy-authenticate", "proxy-authentication-info", "proxy-authorization"]
    const all = ["X-Left", "x-left", "x-a", "x-b", "x-c", "set-cookie", ...names, ...proxies]
    const fields = { ...Object.fromEntries(all.map((name) => [name, name])), connection: "X-Left", "x-u": undefined }
    const stored = (mode: Mode) =>
      Object.keys(storedFields(mode, fields, directivesOf("no-cache=\"x-a\", private=\"x-b\"")))
    expect(stored("shared")).toEqual(["X-Left", "x-c"])
    expect(stored("private")).toEqual(["X-Left", "x-b", "x-c"])
  })

  it("as a field for this kind of cache says, if it is valid", () => {
    const targeted = (value: string) => {
      const { directives, isTargeted } = controlOf({ "cdn-cache-control": value }, ["cdn-cache-control"])
      return [isTargeted, Object.fromEntries(directives)]
    }
    expect(targeted("no-store, max-age=5, a=?0, b=(1 2)")).toEqual([true, {
      "no-store": [undefined],
      "max-age": ["5"],
      b: [undefined]
    }])
    expect(targeted("a=\"5\"")).toEqual([true, { a: ["\"5\""] }])
    for (const other of ["", "&", "a=?0"]) expect(targeted(other)).toEqual([false, {}])
  })
})

describe("a stored response", () => {
  const freshness = (cacheControl: string, fields: Fields = {}, status = 200, requestTime = now) =>
    freshnessOf("private", { status, fields }, control(cacheControl), { requestTime, responseTime: now })

  it("is fresh for a tenth of the time since it changed, at most a day, if nothing says more", () => {
    const date = new Date(now).toUTCString()
    expect(freshness("", { date, "last-modified": new Date(now - 100_000).toUTCString() }).lifetime).toBe(10)
    expect(freshness("", { date, "last-modified": changed }).lifetime).toBe(86_400)
    expect(freshness("", { date, "last-modified": changed }, 302).lifetime).toBe(0)
    expect(freshness("public", { date, "last-modified": changed }, 302).lifetime).toBe(86_400)
    expect(freshness("", { date }).lifetime).toBe(0)
  })

  it("has the age that fields and times tell, and is kept for as long as it may be used", () => {
    expect(freshness("", { age: "7, 9" }, 200, now - 2000).initialAge).toBe(9)
    expect(freshness("", { age: "x", date: new Date(now - 60_000).toUTCString() }).initialAge).toBe(60)
    const stale = freshness("max-age=10, stale-while-revalidate=5, stale-if-error=7", { age: "4" })
    expect(usableMillis(stale, 100)).toBe(13_100)
    expect(usableMillis(freshness("", { age: "4" }), 100)).toBe(100)
  })

  const at = (seconds: number, stored: string, request: string) =>
    reuseOf({ ...freshness(stored), requestTime: now, responseTime: now }, directivesOf(request), now + seconds * 1000)

  it.each([
    [9, "max-age=10", "", "serve"],
    [10, "max-age=10", "", "validate"],
    [5, "max-age=10", "max-age=4", "validate"],
    [5, "max-age=10", "max-age=0", "validate"],
    [5, "max-age=10, immutable", "max-age=0", "serve"],
    [10, "max-age=10, immutable, stale-while-revalidate=9", "max-age=0", "validate"],
    [0, "max-age=10", "max-age=0", "validate"],
    [5, "max-age=10", "min-fresh=6", "validate"],
    [5, "max-age=10", "min-fresh=5", "serve"],
    [12, "max-age=10", "max-stale=2", "serve"],
    [12, "max-age=10", "max-stale=1", "validate"],
    [12, "max-age=10, must-revalidate", "max-stale", "validate"],
    [12, "max-age=10, stale-while-revalidate=3", "", "refresh"],
    [13, "max-age=10, stale-while-revalidate=3", "", "validate"],
    [1, "max-age=10", "no-cache", "validate"],
    [1, "max-age=10, no-cache", "", "validate"]
  ])("after %i s with %s, asked with %s: %s", (seconds, stored, request, reuse) => {
    expect(at(seconds, stored, request)).toBe(reuse)
  })

  it("stands in for an origin that fails, unless something forbids it", () => {
    const may = (stored: string, request: string, status?: number) =>
      mayServeOnError(
        { ...freshness(stored), requestTime: now, responseTime: now },
        directivesOf(request),
        now + 20_000,
        status
      )
    expect([may("max-age=5", ""), may("max-age=5", "max-age=19"), may("max-age=5", "max-age=20")])
      .toEqual([true, false, true])
    expect([may("max-age=5, must-revalidate", ""), may("max-age=5", "no-cache")]).toEqual([false, false])
    expect([may("max-age=5", "", 500), may("max-age=5, stale-if-error=15", "", 500)]).toEqual([false, true])
    expect([may("max-age=5", "stale-if-error=15", 504), may("max-age=5", "stale-if-error=99", 501)])
      .toEqual([true, false])
    expect([may("max-age=5, stale-if-error=14", "", 503), may("max-age=5, stale-if-error=99", "", 404)])
      .toEqual([false, false])
  })

  it("is asked about with Pragma only where there is no Cache-Control", () => {
    const names = (fields: Fields) => [...requestDirectives(fields).keys()]
    expect(names({ pragma: "no-cache" })).toEqual(["no-cache"])
    expect(names({ pragma: "other" })).toEqual([])
    expect(names({})).toEqual([])
    expect(names({ pragma: "no-cache", "cache-control": "max-age=1" })).toEqual(["max-age"])
  })

  it("is selected by the fields that Vary names", () => {
    const varying = varyingOf("Accept-Language, X-A, X-B", { "accept-language": "DE,en", "x-a": "A" })
    expect(varying).toEqual({ "accept-language": "de, en", "x-a": "A", "x-b": null })
    expect(matches(varying, { "accept-language": "de, EN", "x-a": "A" })).toBe(true)
    expect(matches(varying, { "accept-language": "de, en", "x-a": "a" })).toBe(false)
    expect(valuesOf([], {})).toBe("")
    expect(valuesOf(["x-a"], { "x-a": "A" })).toBe(valuesOf(["x-a"], varying))
  })

  it.each<readonly [string, number, unknown]>([
    ["bytes=0-0", 10, { start: 0, end: 1 }],
    ["bytes=2-", 10, { start: 2, end: 10 }],
    ["bytes=-3", 10, { start: 7, end: 10 }],
    ["bytes=-30", 10, { start: 0, end: 10 }],
    ["bytes=-0", 10, "unsatisfiable"],
    ["bytes=-3", 0, "unsatisfiable"],
    ["bytes=10-", 10, "unsatisfiable"],
    ["bytes=3-2", 10, undefined],
    ["bytes=-", 10, undefined]
  ])("the range %s of %i bytes", (range, length, answer) => expect(rangeOf(range, length)).toEqual(answer))
})

describe("validation", () => {
  it("asks with entity tags, and a date that is one", () => {
    expect(conditionsOf({ fields: { etag: "\"a\"", "last-modified": changed } }, ["\"b\""])).toEqual({
      "if-none-match": "\"a\", \"b\"",
      "if-modified-since": changed
    })
    expect(conditionsOf({ fields: { etag: "a", "last-modified": "yesterday" } }, [])).toEqual({})
    expect(conditionsOf(undefined, [])).toEqual({})
  })

  it("confirms what has the same validator", () => {
    expect([isSameEtag("\"a\"", "\"a\""), isSameEtag("\"a\"", "W/\"a\""), isSameEtag("W/\"a\"", "\"a\"")])
      .toEqual([true, false, true])
    expect([isSameEtag("W/\"a\"", undefined), isSameEtag("W/\"a\"", "W/\"b\"")]).toEqual([false, false])
    const fields = { etag: "\"a\"", "last-modified": changed }
    expect(isConfirmed({ fields }, {})).toBe(true)
    expect(isConfirmed({ fields }, { "last-modified": changed })).toBe(true)
    expect(isConfirmed({ fields }, { "last-modified": later })).toBe(false)
    expect(isConfirmed({ fields }, { etag: "\"b\"", "last-modified": changed })).toBe(false)
    expect([hasSameValidator({ etag: "\"a\"" }, fields), hasSameValidator({}, {})]).toEqual([true, false])
  })

  it("of HEAD contradicts what has another validator or length", () => {
    const stored = { etag: "\"a\"", "content-length": "5" }
    expect(contradicts(stored, stored)).toBe(false)
    expect(contradicts({ etag: "\"b\"" }, stored)).toBe(true)
    expect(contradicts({ "last-modified": changed }, stored)).toBe(true)
    expect(contradicts({ "content-length": "6" }, stored)).toBe(true)
    expect(contradicts({ "content-length": "6" }, { etag: "\"a\"" })).toBe(false)
  })

  it("by the caller is answered if it has the version, or left to the origin", () => {
    const unchanged = (request: Fields, fields: Fields = { etag: "\"a\"", "last-modified": changed }) =>
      isUnchanged({ date: now + 500, fields }, request)
    expect(unchanged({ "if-none-match": "\"a\"" })).toBe(true)
    expect(unchanged({ "if-none-match": "\"b\", W/\"a\"" })).toBe(true)
    expect(unchanged({ "if-none-match": "\"b\"", "if-modified-since": later })).toBe(false)
    expect(unchanged({ "if-none-match": "*" }, {})).toBe(true)
    expect(unchanged({ "if-none-match": "a" })).toBe(false)
    expect(unchanged({ "if-none-match": "\"a\"" }, {})).toBe(false)
    expect(unchanged({ "if-modified-since": changed })).toBe(true)
    expect(unchanged({ "if-modified-since": changed }, { "last-modified": later })).toBe(false)
    expect(unchanged({ "if-modified-since": new Date(now).toUTCString() }, {})).toBe(true)
    expect(unchanged({})).toBe(false)
    expect([isForOrigin({ "if-match": "*" }), isForOrigin({ "if-unmodified-since": changed }), isForOrigin({})])
      .toEqual([true, true, false])
    const conditions = ["if-none-match", "if-modified-since", "if-match"]
    expect(conditions.map((name) => isConditional({ [name]: changed }))).toEqual([true, true, false])
  })
})

describe("an unsafe method", () => {
  it("makes its URL and those of its origin invalid, if it has not failed", () => {
    const url = new URL("https://a.test/x")
    const invalidated = (status: number, fields: Fields = {}) =>
      invalidatedUrls(url, { status, fields }).map(({ href }) => href)
    expect(["GET", "HEAD", "OPTIONS", "QUERY", "TRACE", "POST", "get"].map(isSafe))
      .toEqual([true, true, true, true, true, false, false])
    for (const status of [199, 400]) expect(invalidated(status)).toEqual([])
    for (const status of [200, 399]) expect(invalidated(status)).toEqual([url.href])
    expect(invalidated(201, { location: "/y", "content-location": "z" }))
      .toEqual([url.href, "https://a.test/y", "https://a.test/z"])
    expect(invalidated(201, { location: "https://b.test/y", "content-location": "https://" })).toEqual([url.href])
  })

  it("makes groups invalid, and clears the cache", () => {
    expect(groupsOf("\"a\", b, \"c\", 5")).toEqual(["a", "c"])
    for (const other of [undefined, "", "\"a"]) expect(groupsOf(other)).toEqual([])
    const types = ["\"cache\"", "\"*\"", "\"cookies\", \"cache\"", "\"cookies\"", "cache"]
    expect(types.map((type) => clearsCache({ "clear-site-data": type }))).toEqual([true, true, true, false, false])
    expect(clearsCache({})).toBe(false)
  })
})

it("Cache-Status says in one line what was done, and why", () => {
  expect(renderStatus("c", { ttl: 5 }, undefined)).toBe("c; hit; ttl=5")
  expect(renderStatus("d", { ttl: 5 }, undefined)).toBe("d; hit; ttl=5")
  expect(renderStatus("c", { ttl: 5 }, "b; fwd=miss")).toBe("b; fwd=miss, c; hit; ttl=5")
  expect(renderStatus("c", { fwd: "miss", fwdStatus: 200, ttl: 5, stored: true, collapsed: true }, undefined))
    .toBe("c; fwd=miss; fwd-status=200; ttl=5; stored; collapsed")
  expect(renderStatus("c", { ttl: 5, detail: "word" }, undefined)).toBe("c; hit; ttl=5; detail=word")
  expect(renderStatus("c", { ttl: 5, detail: "two words" }, undefined)).toBe("c; hit; ttl=5; detail=\"two words\"")
  expect(renderStatus("c", { ttl: 5, detail: "1" }, undefined)).toBe("c; hit; ttl=5; detail=\"1\"")
})
