/** No client waits for another one whose response it cannot have, and no client costs more than its own request. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { Cached } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { type HttpBody, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as anonymous from "../../src/http/rules/anonymous.ts"
import * as cacheStatus from "../../src/http/rules/cacheStatus.ts"
import * as fields from "../../src/http/rules/fields.ts"
import * as freshness from "../../src/http/rules/freshness.ts"
import * as invalidation from "../../src/http/rules/invalidation.ts"
import * as ranges from "../../src/http/rules/ranges.ts"
import * as reuse from "../../src/http/rules/reuse.ts"
import * as selection from "../../src/http/rules/selection.ts"
import * as storing from "../../src/http/rules/storing.ts"
import * as targeted from "../../src/http/rules/targeted.ts"
import * as validation from "../../src/http/rules/validation.ts"
import { settle, start, started, taking } from "../support/caches.ts"
import { originOf, shared, textOf, url } from "./origin.ts"
import { type Handler, inMemory, serving } from "./serving.ts"

const control = { "cache-control": "max-age=600" }

const inLanguage: Handler = ({ headers }, run) =>
  Effect.delay(
    Effect.succeed(
      HttpServerResponse.text(`${headers["accept-language"]} ${run}`, {
        headers: { ...control, vary: "Accept-Language" }
      })
    ),
    "200 millis"
  )

/** Runs all at once. Returns by which time each has ended, in steps of 50 ms. */
const timesOf = <E, R>(all: ReadonlyArray<Effect.Effect<unknown, E, R>>, within: number) =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(all, (one) => start(one))
    const times: Array<number> = []
    for (let at = 0; at <= within; at += 50) {
      yield* settle
      fibers.forEach((fiber, i) => {
        if (fiber.pollUnsafe() !== undefined) times[i] ??= at
      })
      yield* TestClock.adjust("50 millis")
    }
    yield* Effect.forEach(fibers, (fiber) => Fiber.interrupt(fiber))
    return times
  })

const languages = Array.from({ length: 40 }, (_, i) => `l${i}`)

describe("variants of a cold URL", () => {
  inMemory("of a server load at the same time, however many", function*() {
    const { ask } = yield* serving(inLanguage)
    const asks = (all: ReadonlyArray<string>) =>
      all.map((language) =>
        Effect.map(
          ask("/", { headers: { "accept-language": language } }),
          ({ text }) => expect(text.split(" ")[0]).toBe(language)
        )
      )
    const first = yield* timesOf(asks(languages), 1000)
    expect([first.length, Math.max(...first)]).toEqual([40, 400])
    const again = yield* timesOf([...asks(languages), ...asks(["l40"])], 1000)
    expect([again.length, Math.max(...again)]).toEqual([41, 200])
  })

  inMemory("of a client load at the same time", function*() {
    const origin = originOf(({ headers }) =>
      Effect.delay(
        Effect.succeed({ body: headers["accept-language"]!, headers: { ...control, vary: "Accept-Language" } }),
        "200 millis"
      )
    )
    const client = yield* shared(origin)
    const times = yield* timesOf(
      languages.map((language) => textOf(client, url, { "accept-language": language })),
      1000
    )
    expect([times.length, Math.max(...times)]).toEqual([40, 400])
  })

  inMemory("that were made up do not push out one that others read", function*() {
    const { ask } = yield* serving(inLanguage)
    const inTime = (language: string) =>
      Effect.gen(function*() {
        return yield* taking("400 millis", ask("/", { headers: { "accept-language": language } }))
      })
    yield* inTime("first")
    for (let i = 0; i < 20; i++) yield* inTime("en")
    for (let i = 0; i < 60; i++) yield* inTime(`made-up-${i}`)
    expect((yield* inTime("en")).cacheStatus).toMatch(/^hit/)
  })
})

describe("a request that could name its user", () => {
  const page: Handler = ({ headers, url }, run) =>
    Effect.delay(
      Effect.succeed(
        HttpServerResponse.text(`${headers["cookie"] ?? ""}${run}`, {
          headers: url.endsWith("/public") ? { "cache-control": "public, max-age=600" } : control
        })
      ),
      "200 millis"
    )
  const ann = { headers: { cookie: "ann" } }

  inMemory.each(["before", "as the first of"])("%s a herd leaves it one run", function*(when) {
    const { ask, state } = yield* serving(page)
    if (when === "before") yield* timesOf([ask("/", ann)], 250)
    const { runs } = state
    const herd = Array.from({ length: 50 }, () => ask())
    const times = yield* timesOf(when === "before" ? herd : [ask("/", ann), ...herd], 500)
    expect([times.length, Math.max(...times)]).toEqual([when === "before" ? 50 : 51, 200])
    expect(state.runs - runs).toBe(when === "before" ? 1 : 2)
  })

  inMemory("shares the run of others once the response has said that it is public", function*() {
    const { ask, state } = yield* serving(page)
    yield* timesOf([ask("/public", ann)], 250)
    const times = yield* timesOf([
      ask("/public"),
      ask("/public", ann),
      ask("/public", { headers: { cookie: "bob" } })
    ], 250)
    expect([times, state.runs]).toEqual([[0, 0, 0], 1])
  })

  inMemory("waits once at most, with all of its kind, for one whose handler hangs", function*() {
    const { ask } = yield* serving((request, run) => run === 1 ? Effect.never : page(request, run))
    const slow = yield* started(ask("/", { headers: { cookie: "slow" } }))
    const all = ["ann", "bob"].map((cookie) => ask("/", { headers: { cookie } }))
    expect(yield* timesOf([all[0]!], 6000)).toEqual([5200])
    expect(yield* timesOf([all[1]!], 300)).toEqual([200])
    yield* Fiber.interrupt(slow)
  })

  inMemory("in a herd of a cold public URL is one run for all users", function*() {
    const { ask, state } = yield* serving(page)
    const herd = Array.from({ length: 50 }, (_, i) => ask("/public", { headers: { cookie: `u${i}` } }))
    expect((yield* timesOf(herd, 500)).length).toBe(50)
    expect(state.runs).toBe(1)
  })
})

describe("HEAD of a client", () => {
  inMemory.each<[string, Record<string, string>, boolean]>([
    ["without validators renews nothing", {}, false],
    ["with an equal ETag renews what is stored", { etag: "\"1\"" }, true]
  ])("%s", function*([, validators, renews]) {
    const origin = originOf((_, n) => ({ body: `v${n}`, headers: { "cache-control": "max-age=60", ...validators } }))
    const client = yield* shared(origin)
    yield* textOf(client)
    yield* TestClock.adjust("2 minutes")
    yield* client.head(url)
    yield* textOf(client)
    expect(origin.requests.map(({ method }) => method)).toEqual(["GET", "HEAD", ...renews ? [] : ["GET"]])
  })

  inMemory("makes no version fresh that a soft invalidation has made stale", function*() {
    const origin = originOf((_, n) => ({ body: `v${n}`, headers: { "cache-control": "max-age=60", etag: "\"1\"" } }))
    const client = yield* shared(origin, { tags: () => ["page"] })
    yield* textOf(client)
    yield* Cached.invalidate({ tag: "page" }, { mode: "soft" })
    yield* client.head(url)
    yield* textOf(client)
    expect(origin.requests.map(({ method }) => method)).toEqual(["GET", "HEAD", "GET"])
  })
})

describe("no field makes the rules work for long", () => {
  const head = { method: "GET", url: "/", fields: {} }
  const control = { directives: fields.noDirectives, isTargeted: false, isOfOrigin: true }
  const times = { requestTime: 0, responseTime: 0 }
  const harmless = anonymous.harmlessWith([])
  const fresh = { ...freshness.freshnessOf("shared", { status: 200, fields: {} }, control, times), ...times }
  const of = (name: string, text: string) => ({ [name]: text })

  /** Each exported function, given a text in each place where a client or an origin can send one. */
  const uses: Readonly<Record<string, (text: string) => unknown>> = {
    listOf: fields.listOf,
    membersOf: fields.membersOf,
    directivesOf: fields.directivesOf,
    secondsOf: fields.secondsOf,
    secondsIn: (text) => fields.secondsIn(fields.directivesOf(`max-age=${text}`), "max-age"),
    namesIn: (text) => fields.namesIn(fields.directivesOf(`private=${text}`), "private"),
    dateOf: (text) => fields.dateOf(text, 0),
    etagOf: fields.etagOf,
    isStrong: fields.isStrong,
    opaqueOf: fields.opaqueOf,
    harmlessWith: (text) => anonymous.harmlessWith([text]),
    isHarmless: (text) => anonymous.isHarmless(text, harmless),
    personalBy: (text) => anonymous.personalBy(of(text, text), [text], harmless),
    namesOf: anonymous.namesOf,
    renderStatus: (text) => cacheStatus.renderStatus("c", { detail: text }, text),
    freshnessOf: (text) =>
      ["date", "expires", "age", "last-modified"].map((name) =>
        freshness.freshnessOf("shared", { status: 200, fields: of(name, text) }, control, times)
      ),
    isSafe: invalidation.isSafe,
    invalidatedUrls: (text) =>
      invalidation.invalidatedUrls(new URL("http://a"), { status: 200, fields: { location: text } }),
    groupsOf: invalidation.groupsOf,
    clearsCache: (text) => invalidation.clearsCache(of("clear-site-data", text)),
    rangeOf: (text) => [ranges.rangeOf(text, 10), ranges.rangeOf(`bytes=${text}`, 10)],
    isOfSameVersion: (text) => ranges.isOfSameVersion(text, { etag: text }),
    requestDirectives: (text) => [
      reuse.requestDirectives(of("cache-control", text)),
      reuse.requestDirectives(of("pragma", text))
    ],
    reuseOf: (text) => reuse.reuseOf(fresh, fields.directivesOf(`max-stale=${text}`), 0),
    mayServeOnError: (text) => reuse.mayServeOnError(fresh, fields.directivesOf(`stale-if-error=${text}`), 0, 500),
    varyingOf: (text) => selection.varyingOf(text, of("accept", text)),
    matches: (text) => selection.matches({ accept: text }, of("accept", text)),
    valuesOf: (text) => selection.valuesOf(["accept"], of("accept", text)),
    whyNotStored: (text) =>
      storing.whyNotStored({ mode: "shared", harmless }, head.fields, { status: 200, fields: of("vary", text) }, {
        control: { ...control, directives: fields.directivesOf(text) },
        isForAll: false,
        isImplicit: true
      }),
    isForAll: (text) => storing.isForAll({ ...control, directives: fields.directivesOf(text) }),
    isExplicit: (text) => storing.isExplicit("shared", of("expires", text), control),
    withheldFields: (text) => storing.withheldFields("shared", fields.directivesOf(`private="${text}"`)),
    storedFields: (text) => storing.storedFields("shared", of("connection", text), control.directives),
    updatedFields: (text) => storing.updatedFields(of("a", text), of("a", text)),
    controlOf: (text) =>
      targeted.controlOf({ "cdn-cache-control": text, "cache-control": text }, ["cdn-cache-control"]),
    conditionsOf: (text) => validation.conditionsOf({ fields: { etag: text, "last-modified": text } }, [text]),
    isSameEtag: (text) => validation.isSameEtag(text, text),
    isConfirmed: (text) => validation.isConfirmed({ fields: { etag: text } }, { etag: text }),
    contradicts: (text) => validation.contradicts({ etag: text }, { etag: text }),
    hasSameValidator: (text) => validation.hasSameValidator({ etag: text }, { etag: text }),
    isUnchanged: (text) => validation.isUnchanged({ date: 0, fields: { etag: "\"1\"" } }, of("if-none-match", text))
  }

  it("each function of the rules is asked, except those that get no text", () => {
    const without = new Set(["isHeuristic", "ageOf", "usableMillis", "isForOrigin", "isConditional"])
    const all = [anonymous, cacheStatus, fields, freshness, invalidation, ranges, reuse, selection, storing, targeted]
      .concat(validation as never).flatMap((module) =>
        Object.entries(module).filter(([, value]) => typeof value === "function").map(([name]) => name)
      )
    expect(all.filter((name) => !without.has(name)).toSorted()).toEqual(Object.keys(uses).toSorted())
  })

  const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
  const pairs = [" a", "\"\\", ", ", "\t,", "a=", "=\"", "\\\"", ";a", "a;", "()", ":a", "?1", "*,", "w/", "0-"]
  /** The best CPU time of some runs, in milliseconds. */
  const cpu = (runs: number, run: () => unknown): number => {
    let best = Infinity
    for (let i = 0; i < runs; i++) {
      const before = process.cpuUsage()
      try {
        run()
      } catch {
        // A text that is refused is refused quickly, too.
      }
      const { system, user } = process.cpuUsage(before)
      best = Math.min(best, (user + system) / 1000)
    }
    return best
  }

  it.each(Object.entries(uses))("%s", (_, use) => {
    for (const part of [...bytes, ...pairs]) {
      for (const around of [(text: string) => text, (text: string) => `${text}x`, (text: string) => `"${text}`]) {
        const text = (length: number) => around(part.repeat(Math.ceil(length / part.length)).slice(0, length))
        const [short, long] = [text(8192), text(32_768)]
        // Only what takes some time is measured exactly.
        if (cpu(1, () => use(long)) < 4) continue
        const time = cpu(5, () => use(long))
        const limit = 8 * Math.max(2, cpu(5, () => use(short)))
        if (time > limit) throw new Error(`${JSON.stringify(part)}: ${time} ms for 32 kB, more than ${limit}`)
      }
    }
  })
})

describe("a reader that has stopped, of a stream that is too large to be stored", () => {
  const parts = 40
  const sizes = Array.from({ length: parts }, (_, i) => new Uint8Array(65_536).fill(i))
  const lengthOf = (read: ReadonlyArray<Uint8Array>) => read.reduce((sum, { length }) => sum + length, 0)

  const served = (change: (run: number) => number) =>
    Effect.gen(function*() {
      let runs = 0
      const cached = (yield* HttpCacheMiddleware.make({ maxBody: 200_000 }))(
        Effect.sync(() => {
          const first = change(++runs)
          return HttpServerResponse.stream(
            Stream.mapEffect(
              Stream.fromIterable(sizes.map((part, i) => i === 0 ? part.slice().fill(first) : part)),
              // Both have begun before the first part comes.
              (part, i) => Effect.delay(Effect.succeed(part), i === 0 ? "1 second" : 0)
            ),
            { headers: control }
          )
        })
      )
      const request = HttpServerRequest.fromWeb(new Request("http://example.com/large"))
      const body = Effect.map(
        Effect.provideService(cached, HttpServerRequest.HttpServerRequest, request),
        (response) => (response.body as HttpBody.Stream).stream as Stream.Stream<Uint8Array>
      )
      return { body, runs: () => runs }
    })

  const slowAndQuick = (body: Effect.Effect<Stream.Stream<Uint8Array>, unknown, any>) =>
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const [one, two] = yield* Effect.all([body, body], { concurrency: 2 })
      const slow = yield* start(
        Effect.exit(Stream.runCollect(Stream.mapEffect(one, (part) => Effect.as(Deferred.await(go), part))))
      )
      const quick = yield* started(Stream.runCollect(two))
      yield* TestClock.adjust("1 second")
      // The slow one delays the other for a tenth of a second.
      for (let i = 0; i < 4; i++) {
        yield* settle
        yield* TestClock.adjust("50 millis")
      }
      yield* settle
      const read = quick.pollUnsafe()
      yield* Deferred.succeed(go, undefined)
      for (let i = 0; i < 10; i++) {
        yield* settle
        yield* TestClock.adjust("1 second")
      }
      return {
        quick: read === undefined ? undefined : lengthOf(yield* Fiber.join(quick)),
        slow: yield* Fiber.join(slow)
      }
    })

  inMemory("delays no other noticeably, and gets all of it by a run of its own", function*() {
    const { body, runs } = yield* served(() => 0)
    const { quick, slow } = yield* slowAndQuick(body)
    expect(quick).toBe(parts * 65_536)
    expect(Exit.isSuccess(slow) && lengthOf(slow.value)).toBe(parts * 65_536)
    if (Exit.isSuccess(slow)) {
      expect(Buffer.concat(slow.value).every((byte, i) => byte === Math.floor(i / 65_536))).toBe(true)
    }
    expect(runs()).toBeGreaterThan(1)
  })

  inMemory("gets no second half of another version", function*() {
    const { body } = yield* served((run) => run)
    const { quick, slow } = yield* slowAndQuick(body)
    expect([quick, Exit.isFailure(slow)]).toEqual([parts * 65_536, true])
  })
})
