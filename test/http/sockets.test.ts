/** Attacks on a shared cache over raw sockets: no user gets what was made for another one, and no key is forged. */
import { describe, expect, it, onTestFinished } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpEffect, HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { IncomingMessage } from "node:http"
import { stoppedAfterEach } from "../support/stopped.ts"
import { serving } from "./sockets.ts"

const served = stoppedAfterEach(serving)

const minute = { "cache-control": "max-age=60" }
const text = (body: string, headers: Readonly<Record<string, string>> = minute) =>
  Effect.succeed(HttpServerResponse.text(body, { headers }))

/** Fields as programs send them, and proxies add them. */
const anonymous: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Chromium: {
    "Sec-CH-UA": "\"Chromium\";v=\"142\"",
    "Sec-CH-UA-Mobile": "?0",
    "Sec-CH-UA-Platform": "\"Linux\"",
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0",
    Accept: "text/html",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Sec-Purpose": "prefetch",
    "Accept-Encoding": "gzip, br, zstd",
    "Accept-Language": "en",
    Referer: "https://good.example/from",
    "Save-Data": "on",
    DPR: "2"
  },
  Firefox: {
    "User-Agent": "Mozilla/5.0",
    Accept: "text/html",
    "Accept-Language": "en",
    "Accept-Encoding": "gzip",
    Origin: "https://good.example",
    DNT: "1",
    "Sec-GPC": "1",
    Priority: "u=0, i",
    TE: "trailers",
    Pragma: "x",
    "Alt-Used": "good.example"
  },
  curl: { "User-Agent": "curl/8", Accept: "*/*", Range: "bytes=0-99", "X-Requested-With": "XMLHttpRequest" },
  undici: { accept: "*/*", "accept-language": "*", "sec-fetch-mode": "cors", "user-agent": "node" },
  "the client of Effect with tracing": {
    b3: "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
    "X-B3-TraceId": "1",
    "X-B3-Sampled": "1",
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    tracestate: "a=b"
  },
  nginx: {
    "X-Real-IP": "192.0.2.1",
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Request-ID": "1"
  },
  Cloudflare: {
    "CF-Connecting-IP": "192.0.2.1",
    "CF-Ray": "1-FRA",
    "CF-IPCountry": "DE",
    "CF-Visitor": "{\"scheme\":\"https\"}",
    "CDN-Loop": "cloudflare",
    "CF-EW-Via": "15",
    "True-Client-IP": "192.0.2.1"
  },
  CloudFront: {
    Via: "2.0 a (CloudFront)",
    "X-Amz-Cf-Id": "1",
    "CloudFront-Viewer-Country": "DE",
    "CloudFront-Forwarded-Proto": "https",
    "CloudFront-Is-Mobile-Viewer": "false"
  },
  "a load balancer of AWS": {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443",
    "X-Amzn-Trace-Id": "Root=1"
  }
}

const naming = [
  ...["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Forwarded-User", "CF-Access-Jwt-Assertion"],
  ...["X-Amzn-Oidc-Data", "X-Forwarded-Client-Cert", "From", "Baggage", "X-Anything"]
]

describe("a request is anonymous", () => {
  it("with what browsers, clients and proxies send", async () => {
    const { ask, state } = await served((_, run) => text(`run ${run}`))
    await ask()
    for (const [name, headers] of Object.entries(anonymous)) {
      expect([name, (await ask({ headers })).body]).toEqual([name, "run 1"])
    }
    expect(state.runs).toBe(1)
  })

  it.each(naming)("not with %s, whose name the status tells, unless the response is public", async (name) => {
    const { ask } = await served((request, run) =>
      text(`run ${run}`, { "cache-control": request.url.startsWith("/public") ? "public, max-age=60" : "max-age=60" })
    )
    const headers = { [name]: "ann" }
    expect((await ask()).body).toBe("run 1")
    const first = await ask({ headers })
    expect([first.body, first.cacheStatus]).toEqual([
      "run 2",
      expect.stringMatching(new RegExp(`detail=${name}$`, "i"))
    ])
    expect((await ask({ headers: { [name]: "bob" } })).body).toBe("run 3")
    expect((await ask()).body).toBe("run 1")
    expect((await ask({ path: "/public", headers })).body).toBe("run 4")
    expect((await ask({ path: "/public" })).body).toBe("run 4")
  })

  it("also for a fetch handler, whatever it reads", async () => {
    const web = HttpEffect.fromWebHandler((request) =>
      Promise.resolve(new Response(`for ${request.headers.get("cookie")}`, { headers: minute }))
    )
    const { ask } = await served(() => web as Effect.Effect<HttpServerResponse.HttpServerResponse>)
    expect((await ask({ headers: { cookie: "ann" } })).body).toBe("for ann")
    expect((await ask({ headers: { cookie: "bob" } })).body).toBe("for bob")
    expect((await ask()).body).toBe("for null")
  })
})

it("fields that change what a request is are hidden from each handler of GET, in every place where it can look", async () => {
  const seen: Array<string> = []
  const { ask } = await served((request, run) =>
    Effect.gen(function*() {
      const source = request.source as {
        readonly headers: object
        readonly headersDistinct: object
        readonly rawHeaders: ReadonlyArray<string>
      }
      const web = yield* Effect.orDie(HttpServerRequest.toWeb(request))
      seen.push(JSON.stringify([request.headers, source.headers, source.headersDistinct, source.rawHeaders]))
      seen.push(JSON.stringify(Array.from(web.headers)))
      return yield* text(`run ${run}`, run === 1 ? minute : { "cache-control": "no-store" })
    })
  )
  const headers = Object.fromEntries(
    ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "X-HTTP-Method-Override", "Baggage", "X-Kept"]
      .map((name) => [name, `${name} is evil`])
  )
  for (const path of ["/stored", "/not", "/x/../dots"]) await ask({ path, headers })
  expect(seen).toHaveLength(6)
  for (const one of seen) {
    expect(one.match(/[\w-]+ is evil/g)!.every((text) => text === "X-Kept is evil"), one).toBe(true)
  }
  await ask({ method: "POST", headers })
  expect(seen[6]).toContain("X-Forwarded-Host is evil")
})

it("the host and the scheme that a trusted proxy names are in the key, and of the request that the handler sees", async () => {
  const forwarded = HttpRouter.middleware(HttpMiddleware.xForwardedHeaders({ trustedProxies: () => true }) as never, {
    global: true
  }) as Layer.Layer<never, never, any>
  const { ask } = await served(
    ({ headers, protocol }, run) => text(`run ${run}: ${protocol} ${headers["host"]}`),
    {},
    (cache) => Layer.provide(cache, forwarded)
  )
  const asked = async (host: string, scheme: string) => {
    const fields = { "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": host, "X-Forwarded-Proto": scheme }
    return (await ask({ headers: fields })).body
  }
  for (const _ of [1, 2]) {
    expect(await asked("a.example", "https")).toBe("run 1: https a.example")
    expect(await asked("b.example", "https")).toBe("run 2: https b.example")
    expect(await asked("a.example", "http")).toBe("run 3: http a.example")
  }
})

describe("cookies", () => {
  it.each<[string, HttpServerResponse.HttpServerResponse]>([
    ["as a field", HttpServerResponse.text("a", { headers: { ...minute, "set-cookie": "sid=ann" } })],
    [
      "as a cookie",
      HttpServerResponse.setCookieUnsafe(HttpServerResponse.text("a", { headers: minute }), "sid", "ann")
    ],
    ["in a Response", HttpServerResponse.raw(new Response("a", { headers: { ...minute, "set-cookie": "sid=ann" } }))]
  ])("%s: the response is not stored", async (_, response) => {
    const { ask } = await served((_, run) => run === 1 ? Effect.succeed(response) : text("b"))
    expect((await ask()).bytes).toContain("sid=ann")
    const second = await ask()
    expect([second.body, second.bytes.includes("ann")]).toEqual(["b", false])
  })
})

it("a Response in a raw body is judged and sent as it is", async () => {
  const { ask } = await served(
    (_, run) =>
      Effect.succeed(
        HttpServerResponse.raw(new Response(`run ${run}`, { status: 404, headers: { "cache-control": "no-store" } }))
      ),
    { cacheControl: "max-age=60" }
  )
  for (const n of [1, 2]) {
    const { body, bytes, status } = await ask()
    expect([status, body, /cache-control: no-store/i.test(bytes)]).toEqual([404, `run ${n}`, true])
  }
})

describe("the answer to a validation, or to HEAD", () => {
  const etag = { etag: "\"1\"" }
  const stale = { ...etag, "cache-control": "max-age=1" }

  /** `update` is the 304 that each further run gives to a request with a condition. */
  const updated = (update: Record<string, string>) =>
    served(({ headers }, run) =>
      headers["if-none-match"] === undefined || run === 1
        ? text(`run ${run}`, run === 1 ? stale : { ...etag, "cache-control": "max-age=1000, public", ...update })
        : Effect.succeed(HttpServerResponse.empty({ status: 304, headers: { ...etag, ...update } }))
    )

  it("that forbids to store ends what was stored", async () => {
    for (const control of ["private, max-age=1000", "no-store"]) {
      const { ask, pass } = await updated({ "cache-control": control })
      await ask()
      await pass(5)
      // The client that has asked gets it, and no other.
      for (const n of [1, 3, 4]) expect((await ask()).body).toBe(`run ${n}`)
    }
  })

  it("that adds Vary serves no other variant", async () => {
    const { ask, pass } = await updated({ "cache-control": "max-age=1000", vary: "Accept-Language" })
    await ask({ headers: { "accept-language": "en" } })
    await pass(5)
    expect((await ask({ headers: { "accept-language": "en" } })).body).toBe("run 1")
    expect((await ask({ headers: { "accept-language": "de" } })).cacheStatus).toMatch(/fwd=vary-miss/)
  })

  it("to one user that says nothing is not public because the former response was", async () => {
    const { ask, pass, state } = await served(({ headers }) =>
      headers["if-none-match"] === undefined
        ? text("page", { ...etag, "cache-control": "public, max-age=1" })
        : Effect.succeed(HttpServerResponse.empty({ status: 304, headers: { ...etag, "x-user": headers["cookie"] } }))
    )
    await ask()
    await pass(5)
    await ask({ headers: { cookie: "ann" } })
    const { bytes, cacheStatus } = await ask()
    // The handler has made the whole for that user, which is public, and so stored.
    expect([bytes.includes("ann"), cacheStatus.slice(0, 3), state.runs]).toEqual([false, "hit", 3])
    // The former response speaks for an update that no user could be named by.
    const { runs } = state
    await pass(5)
    await ask()
    expect((await ask({ headers: { cookie: "ann" } })).cacheStatus).toMatch(/^hit/)
    expect(state.runs).toBe(runs + 1)
  })
})

describe("conditions, HEAD and ranges of clients", () => {
  const page = text("0123456789", { ...minute, etag: "\"1\"" })
  const slow = Effect.andThen(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50))), page)

  it.each<[string, object]>([
    ["a condition", { headers: { "if-none-match": "\"1\"" } }],
    ["a range", { headers: { range: "bytes=0-3" } }],
    ["HEAD", { method: "HEAD" }]
  ])("%s: a herd of a cold URL is one run, and gets what it asks for", async (_, sent) => {
    const { ask, state } = await served(() => slow)
    const all = await Promise.all([...Array.from({ length: 50 }, () => ask(sent)), ask()])
    expect(state.runs).toBe(1)
    const expected =
      { "0": 304, "1": 206, "2": 200 }["method" in sent ? "2" : JSON.stringify(sent).includes("range") ? "1" : "0"]
    expect(new Set(all.slice(0, 50).map(({ status }) => status))).toEqual(new Set([expected]))
    expect(all[50]!.body).toBe("0123456789")
    expect((await ask()).cacheStatus).toMatch(/^hit/)
  })

  it("a 304 of the handler to a condition of a client confirms nothing", async () => {
    const { ask } = await served(({ headers }, run) =>
      headers["if-none-match"] === "\"old\""
        ? Effect.succeed(HttpServerResponse.empty({ status: 304 }))
        : text(`run ${run}`)
    )
    expect((await ask()).body).toBe("run 1")
    expect((await ask({ headers: { "if-none-match": "\"old\"", "cache-control": "no-cache" } })).body).toBe("run 2")
    expect((await ask()).body).toBe("run 2")
  })

  it("a 304 that no condition has asked for is passed, and runs the handler once", async () => {
    const { ask, state } = await served((_, run) =>
      Effect.succeed(HttpServerResponse.empty({ status: 304, headers: { etag: `"${run}"` } }))
    )
    expect([(await ask()).status, (await ask({ headers: { "if-none-match": "\"1\"" } })).status]).toEqual([304, 304])
    expect(state.runs).toBe(2)
  })

  it("a range of a whole that is personal or too large goes to the handler, which makes no whole of it again", async () => {
    const asked: Array<string | undefined> = []
    const { ask } = await served((request) => {
      asked.push(request.headers["range"])
      return request.headers["range"] === undefined
        ? text("x".repeat(1000))
        : Effect.succeed(HttpServerResponse.text("xx", { status: 206, headers: { "content-range": "bytes 0-1/1000" } }))
    }, { maxBody: 500 })
    for (let i = 0; i < 3; i++) expect((await ask({ headers: { range: "bytes=0-1" } })).status).toBe(206)
    expect(asked).toEqual([undefined, ...Array.from({ length: 3 }, () => "bytes=0-1")])
  })

  it("Cache-Status names no stale response where there is none", async () => {
    const { ask } = await served(() => text("page", { "cache-control": "private" }))
    await ask()
    for (const sent of [{ method: "HEAD" }, { headers: { "if-none-match": "\"1\"" } }]) {
      expect((await ask(sent)).cacheStatus).toBe("fwd=uri-miss; fwd-status=200; detail=not-shared")
    }
  })

  it("HEAD of a route that is its own stores no empty page", async () => {
    const cachedHead = HttpServerResponse.empty({ headers: minute })
    const { ask } = await served(
      () => page,
      {},
      HttpRouter.add("HEAD" as never, "/own", cachedHead) as Layer.Layer<never>
    )
    await ask({ method: "HEAD", path: "/own" })
    expect((await ask({ path: "/own" })).body).toBe("0123456789")
  })

  it("HEAD of a route that is its own is answered by it where there is no other", async () => {
    const own = HttpServerResponse.empty({ headers: { ...minute, "x-own": "head" } })
    const { ask } = await served(
      () => page,
      {},
      HttpRouter.add("HEAD" as never, "/own", own) as Layer.Layer<never>,
      "/others/*"
    )
    for (let i = 0; i < 2; i++) {
      const { bytes, status } = await ask({ method: "HEAD", path: "/own" })
      expect([status, /x-own: head/i.test(bytes)]).toEqual([204, true])
    }
    expect([(await ask({ path: "/own" })).status, (await ask({ method: "HEAD", path: "/none" })).status])
      .toEqual([404, 404])
  })

  it("with requestDirectives: false, no field makes the handler run", async () => {
    const { ask, state } = await served(() => page, { requestDirectives: false })
    await ask()
    for (
      const headers of [
        { "Cache-Control": "no-cache" },
        { "Cache-Control": "no-store" },
        { Pragma: "no-cache" },
        { "If-Match": "\"1\"" },
        { "If-Unmodified-Since": new Date(0).toUTCString() },
        { Connection: "close, Upgrade", Upgrade: "h2c" }
      ]
    ) {
      expect([headers, (await ask({ headers })).cacheStatus]).toEqual([headers, expect.stringMatching(/^hit/)])
    }
    expect(state.runs).toBe(1)
  })
})

describe("the key", () => {
  const forged = [
    ...[
      "/x/../news",
      "/x/%2e%2e/news",
      "/./news",
      "/news#x",
      "/x\\..\\news",
      "/news?q=<script>",
      "/news?q=\"",
      "/n%65ws"
    ],
    "http://evil.example/news"
  ]

  it.each(forged)("%s is not the page that it is read as", async (path) => {
    const { ask } = await served((request) => text(`page ${request.originalUrl} ${request.headers["host"]}`))
    await ask({ path })
    for (const victim of ["/news", "/news?q=%3Cscript%3E", "/news?q=%22"]) {
      const { body } = await ask({ path: victim })
      expect(body).toBe(`page http://good.example${victim} good.example`)
    }
  })

  it("no host and no path is answered with the response to another one, however it is written", async () => {
    const { ask } = await served(({ headers, originalUrl }) => text(`${headers["host"]} ${originalUrl}`))
    const hosts = [
      ...["good.example", "good.example:80", "good.example:8080", "a@good.example", "good.example/x", "good.example?x"],
      ...["good.example#x", "good.example\\x", "good.example, other.com", "good.example.", "\"><script>"]
    ]
    const paths = ["/", "/page", "/Page", "//page", "/%70age", "/page/", "/page?", "/page?a", "/page?a=", "/page%23x"]
    for (const Host of [...hosts, ...hosts]) {
      expect((await ask({ headers: { Host } })).body).toBe(`${Host} http://${Host}/`)
    }
    for (const path of [...paths, ...paths]) {
      expect((await ask({ path })).body).toBe(`good.example http://good.example${path}`)
    }
  })

  it("parameters that do not count are seen nowhere, and all others as they were sent", async () => {
    const { ask } = await served((request) =>
      Effect.map(Effect.orDie(HttpServerRequest.toWeb(request)), (web) => {
        const source = request.source as { readonly url: string }
        const told = JSON.stringify([request.url, request.originalUrl, source.url, web.url])
        return HttpServerResponse.text(told, { headers: minute })
      }), { ignoreQuery: ["utm_source"], sortQuery: true })
    const { body } = await ask({ path: "/p?b=2&utm_source=<evil>&a=%ff&b=1" })
    expect(body).not.toContain("evil")
    expect(JSON.parse(body)[0]).toBe("/p?a=%ff&b=2&b=1")
    expect((await ask({ path: "/p?a=%ff&b=2&b=1" })).cacheStatus).toMatch(/^hit/)
    expect((await ask({ path: "/p?a=%fe&b=2&b=1" })).cacheStatus).toMatch(/^fwd=uri-miss/)
    expect((await ask({ path: "/p?a=%ff&b=1&b=2" })).cacheStatus).toMatch(/^fwd=uri-miss/)
  })

  it("Location of an unsafe method reaches a page whose query is written in another order", async () => {
    const { ask } = await served(
      (request, run) =>
        request.method === "POST"
          ? Effect.succeed(HttpServerResponse.empty({ status: 201, headers: { location: "/p?b=1&a=b%20c&utm=1" } }))
          : text(`run ${run}`),
      { sortQuery: true, ignoreQuery: ["utm"] }
    )
    await ask({ path: "/p?a=b%20c&b=1" })
    await ask({ path: "/other", method: "POST" })
    expect((await ask({ path: "/p?b=1&a=b%20c" })).body).toBe("run 3")
  })

  it("a comma more is another variant", async () => {
    const { ask } = await served(({ headers }) => text(`for ${headers["x-tenant"]}`, { ...minute, vary: "X-Tenant" }))
    for (const tenant of ["a,", ",a", "a", "a,,b", "a,b"]) {
      expect((await ask({ headers: { "x-tenant": tenant } })).body).toBe(`for ${tenant}`)
    }
    expect((await ask({ headers: { "x-tenant": "a, b" } })).body).toBe("for a,b")
  })

  it("a host beside a complete URL, or a second one, is seen nowhere", async () => {
    const { ask } = await served(({ headers, source }, run) => {
      const { headers: own, headersDistinct, rawHeaders, url } = source as IncomingMessage
      return text(`${url} ${JSON.stringify([run, headers, own, headersDistinct, rawHeaders])}`)
    })
    await ask({ path: "http://good.example/whole", headers: { Host: "evil.example" } })
    await ask({ path: "http://good.example/same" })
    await ask({ path: "/two", headers: { Host: "good.example\r\nHost: evil.example" } })
    for (const path of ["/whole", "/same", "/two"]) {
      const { body, cacheStatus } = await ask({ path })
      expect([cacheStatus.slice(0, 3), body.includes("evil"), body.split(" ")[0]]).toEqual(["hit", false, path])
    }
  })

  it("behind a route, a question mark in a value hides no parameter", async () => {
    const query = Effect.map(
      HttpServerRequest.ParsedSearchParams,
      (query) => HttpServerResponse.text(JSON.stringify(query), { headers: minute })
    )
    const app = HttpRouter.add("GET", "/p", query).pipe(
      Layer.provide(HttpCacheMiddleware.route({ ignoreQuery: ["utm"] })),
      Layer.provide(CacheLayer.memory())
    )
    const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
    onTestFinished(dispose)
    await handler(new Request("http://good.example/p?utm=1&q=what?&page=2"))
    const response = await handler(new Request("http://good.example/p?q=what?&page=2"))
    expect(await response.json()).toEqual({ q: "what?", page: "2" })
  })

  it("GET with a body passes by", async () => {
    const { ask } = await served((request) =>
      Effect.flatMap(Effect.orElseSucceed(request.text, () => ""), (body) => text(`q=${body}`))
    )
    expect((await ask({ body: "evil" })).body).toBe("q=evil")
    expect((await ask()).body).toBe("q=")
  })
})

describe("a handler that fails with a response", () => {
  const failing = (response: HttpServerResponse.HttpServerResponse) =>
    Effect.andThen(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50))), Effect.die(response))

  it("answers its own client alone, also one that interrupts itself", async () => {
    const interrupted = await served((_, run) => run === 1 ? Effect.delay(Effect.interrupt, 0) : text("page"))
    const sent = Promise.all(Array.from({ length: 5 }, () => interrupted.ask()))
    await interrupted.pass(1)
    expect((await sent).map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 503])
    const { ask } = await served((_, run) =>
      failing(HttpServerResponse.empty({ status: 302, headers: { "set-cookie": `session=${run}` } }))
    )
    const all = await Promise.all(Array.from({ length: 5 }, () => ask()))
    expect(new Set(all.map(({ bytes }) => /session=\d/.exec(bytes)?.[0])).size).toBe(5)
  })

  it("says so with its status: only one of 500 and above may be replaced by a stale response", async () => {
    for (const [status, sent] of [[404, 404], [503, 200]] as const) {
      const { ask, pass } = await served((_, run) =>
        run === 1
          ? text("page", { "cache-control": "max-age=1, stale-if-error=1000" })
          : failing(HttpServerResponse.text("gone", { status }))
      )
      await ask()
      await pass(5)
      expect((await ask()).status).toBe(sent)
    }
  })
})

describe("what handlers and middleware inside the cache add just before the response", () => {
  it("is stored with it", async () => {
    const cookie = HttpEffect.appendPreResponseHandler((_, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "x-added", "yes"))
    )
    const { ask, state } = await served((_, run) => Effect.andThen(cookie, text(`run ${run}`)))
    for (let i = 0; i < 2; i++) expect((await ask()).bytes.match(/x-added: yes/gi)?.length).toBe(1)
    expect(state.runs).toBe(1)
  })

  it("is judged: a cookie, and Vary of CORS", async () => {
    const cookie = HttpEffect.appendPreResponseHandler((_, response) =>
      Effect.succeed(HttpServerResponse.setCookieUnsafe(response, "sid", "ann"))
    )
    const { ask } = await served(
      ({ url }, run) => Effect.andThen(url === "/cookie" ? cookie : Effect.void, text(`run ${run}`)),
      {},
      HttpRouter.cors({ allowedOrigins: ["http://a.example", "http://b.example"] })
    )
    for (const run of [1, 2]) expect((await ask({ path: "/cookie" })).body).toBe(`run ${run}`)
    const from = async (origin: string) => {
      const { body, bytes } = await ask({ headers: { Origin: origin } })
      return [body, /^access-control-allow-origin: (.*)$/im.exec(bytes)?.[1]?.trim()]
    }
    expect(await from("http://a.example")).toEqual(["run 3", "http://a.example"])
    expect(await from("http://b.example")).toEqual(["run 4", "http://b.example"])
    expect(await from("http://a.example")).toEqual(["run 3", "http://a.example"])
  })

  it("is missing in the answer to a failure, unless it is added around the cache", async () => {
    const cors = HttpRouter.cors({ allowedOrigins: ["http://a.example", "http://b.example"] })
    for (const isAround of [false, true]) {
      const { ask } = await served(
        () => Effect.fail("down"),
        {},
        (cache) => isAround ? Layer.provide(cache, cors as never) : Layer.merge(cache, cors)
      )
      const { bytes, status } = await ask({ headers: { Origin: "http://a.example" } })
      expect([status, /^access-control-allow-origin: http:..a.example/im.test(bytes)]).toEqual([500, isAround])
    }
  })
})

it("a hit has the date of its response, so that Expires and Age count its age once", async () => {
  const { ask, pass } = await served(() => text("page", { expires: new Date(60_000).toUTCString() }))
  await ask()
  await pass(20)
  const { bytes, cacheStatus } = await ask()
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(bytes)![1]!.trim()
  expect([field("date"), field("age"), cacheStatus]).toEqual([new Date(0).toUTCString(), "20", "hit; ttl=40"])
})

it("a response that must be validated is stored, so that a client that has it gets 304", async () => {
  const { ask, state } = await served(() => text("page", { "cache-control": "max-age=0, must-revalidate" }))
  const first = await ask()
  const etag = /^etag: (.*)$/im.exec(first.bytes)![1]!.trim()
  for (let i = 0; i < 2; i++) expect((await ask({ headers: { "if-none-match": etag } })).status).toBe(304)
  expect(state.runs).toBe(3)
})
