/** Attacks on an inspector over raw sockets: no stranger gets in, and no secret gets out. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Tracer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { CacheInspector } from "effect-cached/inspector"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { connect } from "node:net"
import { stoppedAfterEach } from "../support/stopped.ts"
import { tracing } from "../support/tracer.ts"
import { serving, token } from "./serving.ts"

const served = stoppedAfterEach(serving)

const statusOf = ({ status }: { readonly status: number }) => status

describe("an inspector answers", () => {
  it("only hosts that it knows (DNS rebinding)", async () => {
    const { send } = await served()
    for (const Host of ["evil.example", "localhost.evil.example", "localhost@evil.example", "127.0.0.1", ""]) {
      expect(statusOf(await send("/cache/api/overview", { body: "{}", headers: { Host } }))).toBe(403)
      expect(statusOf(await send("/cache", { method: "GET", headers: { Host } }))).toBe(403)
    }
    expect(statusOf(await send("/cache/api/overview", { body: "{}", headers: { Host: "LOCALHOST:1" } }))).toBe(200)
  })

  it("only pages of such a host", async () => {
    const { post, send } = await served()
    for (
      const Origin of [
        "http://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://localhost@evil",
        undefined
      ]
    ) {
      expect(statusOf(await post("overview", {}, { Origin }))).toBe(403)
    }
    expect(statusOf(await post("overview", {}, { Origin: "https://localhost" }))).toBe(200)
    expect(statusOf(await send("/cache", { method: "GET", headers: { Origin: "http://evil.example" } }))).toBe(403)
  })

  it("no form, and no other method", async () => {
    const { post, send } = await served()
    for (
      const type of ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", undefined]
    ) {
      expect(statusOf(await post("act", {}, { "Content-Type": type }))).toBe(415)
    }
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      expect(statusOf(await send("/cache/api/overview", { method }))).toBe(404)
    }
  })

  it("only the token", async () => {
    const { post } = await served()
    for (
      const given of [
        undefined,
        "",
        "Bearer",
        "Bearer x",
        `Basic ${token}`,
        `Bearer ${token}x`,
        `Bearer ${token.slice(1)}`
      ]
    ) {
      const { body, status } = await post("overview", {}, { Authorization: given })
      expect(status).toBe(401)
      expect(body).not.toContain("process")
    }
    expect(statusOf(await post("overview", {}))).toBe(200)
  })

  it("429 to further wrong tokens after ten in a minute, with one warning, and still the right one", async () => {
    const { logged, post } = await served()
    const guess = () => post("overview", {}, { Authorization: "Bearer wrong" })
    for (let i = 0; i < 10; i++) expect(statusOf(await guess())).toBe(401)
    for (let i = 0; i < 5; i++) expect(statusOf(await guess())).toBe(429)
    expect(statusOf(await post("overview", {}))).toBe(200)
    expect(statusOf(await post("overview", {}, { Authorization: undefined }))).toBe(401)
    expect(logged.filter((line) => line.includes("wrong tokens"))).toHaveLength(1)
  })

  it("the name that authorize returns, in place of a token", async () => {
    const authorize = HttpServerRequest.HttpServerRequest.use(({ headers }) =>
      headers["x-user"] === undefined ? Effect.fail("the secret reason") : Effect.succeed(headers["x-user"])
    )
    const { logged, post, run } = await served({ authorize })
    await run(Cached.set("a", 1))
    const refused = await post("overview", {})
    expect(refused.status).toBe(403)
    expect(refused.bytes).not.toContain("secret reason")
    const { body } = await post("overview", {}, { "X-User": "ada" })
    const { actor, process } = JSON.parse(body)
    expect(actor).toBe("ada")
    await post("act", { cache: 0, process: process.id, target: { key: "a" }, mode: "hard" }, { "X-User": "ada" })
    expect(logged.filter((line) => line.includes("ada") && line.includes("the key \"a\""))).toHaveLength(1)
  })

  it("500 and no reason if authorize dies, and logs it", async () => {
    const { logged, post } = await served({ authorize: Effect.die(new Error("the secret reason")) })
    const { bytes, status } = await post("overview", {})
    expect([status, bytes.includes("no-store"), bytes.includes("secret")]).toEqual([500, true, false])
    expect(logged.join()).toContain("could not answer")
  })

  it("nothing outside of its path", async () => {
    const { send } = await served()
    for (
      const path of [
        "/cache/../etc/passwd",
        "/cache/%2e%2e/%2e%2e/etc/passwd",
        "/cache/api/../../x",
        "/cache/api/",
        "/"
      ]
    ) {
      const { body, status } = await send(path, { method: "GET" })
      expect([path, status, body.includes("root:")]).toEqual([path, 404, false])
    }
  })

  it("400 or 413 to a pattern of 1 MB and to what is not as the protocol says", async () => {
    const { post, send } = await served()
    expect(statusOf(await post("pass", { cache: 0, order: "memory", pattern: "*".repeat(1_000_000) }))).toBe(413)
    for (
      const body of [
        "",
        "{",
        "[]",
        "null",
        "{\"cache\":0,\"order\":\"up\"}",
        "{\"cache\":0,\"order\":\"memory\",\"pattern\":\"[\"}"
      ]
    ) {
      const { bytes, status } = await send("/cache/api/pass", { body })
      expect([body, status]).toEqual([body, 400])
      expect(bytes.toLowerCase()).toContain("cache-control: no-store")
    }
    expect(statusOf(await post("entries", { cache: 7 }))).toBe(404)
    expect(statusOf(await post("entries", { cache: 0, cursor: "x" }))).toBe(404)
  })

  it("without a Content-Length that could be checked first, no more than the limit either", async () => {
    const { port, raw } = await served()
    const chunk = "a".repeat(60_000)
    const answer = await raw(
      `POST /cache/api/overview HTTP/1.1\r\nHost: localhost:${port}\r\nOrigin: http://localhost\r\nConnection: close\r\n` +
        `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`
    )
    expect(["400", "413"]).toContain(answer.slice(9, 12))
  })

  it("with headers that keep its answers out of caches, frames and other origins", async () => {
    const { post, send } = await served()
    for (
      const { bytes } of [
        await post("overview", {}),
        await post("overview", {}, { Authorization: "" }),
        await send("/cache", { method: "GET" })
      ]
    ) {
      const head = bytes.slice(0, bytes.indexOf("\r\n\r\n")).toLowerCase()
      for (
        const header of [
          "cache-control: no-store",
          "x-frame-options: deny",
          "referrer-policy: no-referrer",
          "x-content-type-options: nosniff",
          "frame-ancestors 'none'"
        ]
      ) {
        expect(head).toContain(header)
      }
      expect(head).not.toContain("access-control-")
    }
  })
})

describe("a read-only inspector", () => {
  it("has no endpoint for acts", async () => {
    const { json, post, run } = await served({ readOnly: true })
    await run(Cached.set("a", 1))
    const { isReadOnly, process } = await json("overview", {})
    expect(isReadOnly).toBe(true)
    expect(statusOf(await post("act", { cache: 0, process: process.id, target: { all: true }, mode: "hard" }))).toBe(
      404
    )
    expect(await run(Cached.size)).toBe(1)
  })
})

describe("secrets", () => {
  const secret = "hunter2-s3cret"
  const forms = [
    secret,
    Buffer.from(secret).toString("base64").replace(/=+$/, ""),
    encodeURIComponent(`${secret}/`).slice(0, -3)
  ]

  /** The bytes of all answers. */
  const allBytes = async ({ post, send }: Awaited<ReturnType<typeof served>>, id: string) =>
    (await Promise.all([
      post("overview", {}),
      post("entries", { cache: 0 }),
      post("pass", { cache: 0, order: "hottest" }),
      post("entry", { cache: 0, id }),
      post("store", { cache: 0 }),
      post("curve", { cache: 0 }),
      send("/cache", { method: "GET" })
    ])).map(({ bytes }) => bytes).join("\n")

  it("in values and failures are in no answer and no log line, unless values are shown", async () => {
    const one = await served()
    await one.run(Cached.set("a", { password: secret }))
    await one.run(Effect.ignore(
      Effect.fail({ _tag: "Secret", secret } as const).pipe(
        Cached.ttl("b", { ttl: "1 hour", storeFailures: ["Secret"] })
      )
    ))
    const bytes = await allBytes(one, "a") + await allBytes(one, "b") + one.logged.join("\n")
    for (const form of forms) expect(bytes).not.toContain(form)
    const shown = await served({ values: true })
    await shown.run(Cached.set("a", { password: secret }))
    expect(await allBytes(shown, "a")).toContain(secret)
  })

  it("pass redact, and are hidden if it throws", async () => {
    const redact = (value: any, { id }: { readonly id: string }) => {
      if (id === "b") throw new Error(secret)
      return { ...value, password: "***" }
    }
    const one = await served({ values: true, redact })
    await one.run(Cached.setMany([["a", { password: secret }], ["b", { password: secret }]]))
    const bytes = await allBytes(one, "a") + await allBytes(one, "b")
    expect(bytes).toContain("***")
    expect(bytes).toContain("hidden, because redact threw")
    for (const form of forms) expect(bytes).not.toContain(form)
  })

  it("are hidden if redact returns a promise, whose failure does not end the program", async () => {
    const one = await served({ values: true, redact: () => Promise.reject(new Error(secret)) })
    await one.run(Cached.set("a", secret))
    const { value } = await one.json("entry", { cache: 0, id: "a" })
    expect(value).toBe("hidden, because redact returned a promise")
  })

  for (const ids of ["digest", "none"] as const) {
    it(`in ids and tags are hidden with ids: "${ids}"`, async () => {
      const one = await served({}, { cache: CacheLayer.memory().pipe(CacheLayer.withTelemetry({ ids })) as never })
      await one.run(Cached.set(secret, 1, { tags: [`tag-${secret}`] }))
      const found = await one.json("entries", { cache: 0 })
      const id: string = found.entries[0].id
      const { process } = await one.json("overview", {})
      const bytes = await allBytes(one, id)
      const act = await one.post("act", { cache: 0, process: process.id, target: { key: id }, mode: "hard" })
      const byPattern = await one.post("act", {
        cache: 0,
        process: process.id,
        target: { pattern: "hunter*" },
        mode: "hard"
      })
      for (const form of forms) expect(bytes + act.bytes + byPattern.body + one.logged.join("\n")).not.toContain(form)
      expect(byPattern.status).toBe(400)
      // An entry can be removed by the name that is shown for it.
      expect(await one.run(Cached.size)).toBe(ids === "digest" ? 0 : 1)
    })
  }

  it("are in no message of a stream, and in no log line of an act", async () => {
    const one = await served({}, {
      cache: CacheLayer.memory().pipe(CacheLayer.withTelemetry({ ids: "digest" })) as never
    })
    const body = JSON.stringify({ flights: 0, tail: 0 })
    let bytes = ""
    const socket = connect(one.port, "127.0.0.1", () =>
      socket.write(
        `POST /cache/api/live HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nAuthorization: Bearer ${token}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      ))
    socket.on("data", (chunk) => bytes += chunk.toString("latin1"))
    await expect.poll(() => bytes).toContain("Beat")
    const read = Effect.sleep("2500 millis").pipe(
      Effect.andThen(Effect.fail(new Error(secret))),
      Cached.ttl(secret, { ttl: "1 hour" })
    )
    await one.run(Effect.gen(function*() {
      yield* Cached.set(`${secret}:other`, secret, { tags: [`tag-${secret}`] })
      yield* Effect.ignore(read)
      yield* Cached.invalidate([`${secret}:other`])
      yield* Cached.invalidate({ tag: `tag-${secret}` })
    }))
    await expect.poll(() => bytes).toMatch(/Load.*failure[^]*Invalidate[^]*Invalidate/)
    expect(bytes).toContain("\"phase\":\"Loading\"")
    const { process } = await one.json("overview", {})
    for (const target of [{ tag: `tag-${secret}` }, { pattern: `${secret}*` }]) {
      bytes += (await one.post("act", { cache: 0, process: process.id, target, mode: "hard" })).bytes
    }
    socket.destroy()
    for (const form of forms) expect(bytes + one.logged.join("\n")).not.toContain(form)
  })

  it("the token is in no span, and no cache of HTTP keeps an answer", async () => {
    const { spans, tracer } = tracing()
    const inspector = Layer.mergeAll(
      CacheInspector.layerHttp({ path: "/cache", hosts: ["localhost"], token }),
      HttpRouter.add("GET", "/other", HttpServerResponse.text("other", { headers: { "cache-control": "max-age=60" } })),
      HttpCacheMiddleware.layer()
    )
    const one = await served({}, {
      cache: CacheLayer.memory().pipe(Layer.provideMerge(Layer.succeed(Tracer.Tracer, tracer))),
      inspector
    })
    await one.post("overview", {})
    for (const path of ["/cache", "/other", "/cache"]) await one.send(path, { method: "GET" })
    expect(spans.length).toBeGreaterThan(2)
    expect(JSON.stringify(spans.map(({ attributes, name }) => [name, ...attributes]))).not.toContain(token)
    // That of the other route.
    expect(await one.run(Cached.size)).toBe(1)
  })

  it("the token is in no answer, in no line of the program's own access log, and in no options that are printed", async () => {
    const one = await served({ token: Redacted.make(token) })
    const bytes = await allBytes(one, "a")
    await one.post("overview", {}, { Authorization: `Bearer ${token}x` })
    expect(bytes + one.logged.join("\n")).not.toContain(token)
    // The server has told of a request that is not of the inspector.
    await one.send("/other", { method: "GET" })
    expect(one.logged.join("\n")).not.toContain(token)
  })
})

describe("streams", () => {
  const body = JSON.stringify({ tail: 0 })
  const request = (port: number) =>
    `POST /cache/api/live HTTP/1.1\r\nHost: localhost:${port}\r\nOrigin: http://localhost\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

  /** The first bytes of a stream, and a way to leave it. */
  const openStream = (port: number) =>
    new Promise<{ first: string; leave: () => void; closed: Promise<void>; pause: () => void; resume: () => void }>(
      (resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(request(port)))
        const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()).on("error", () => undefined))
        socket.once(
          "data",
          (bytes) =>
            resolve({
              first: bytes.toString(),
              leave: () => socket.destroy(),
              closed,
              pause: () => socket.pause(),
              resume: () => socket.resume()
            })
        )
      }
    )

  it("are eight at most of a thousand, beside which others are served, and a place is free again", async () => {
    const { port, post, run } = await served()
    const asking = Promise.all(Array.from({ length: 1000 }, () => openStream(port)))
    const [during] = await Promise.all([post("overview", {}), run(Cached.set("a", 1))])
    expect(statusOf(during)).toBe(200)
    const all = await asking
    const isOpen = ({ first }: { readonly first: string }) => first.startsWith("HTTP/1.1 200")
    expect(all.filter(isOpen)).toHaveLength(8)
    expect(all.filter(({ first }) => first.startsWith("HTTP/1.1 429"))).toHaveLength(992)
    for (const { leave } of all) leave()
    await expect.poll(async () => {
      const again = await openStream(port)
      again.leave()
      return isOpen(again)
    }, { timeout: 20_000 }).toBe(true)
  })

  it("end if their reader does not read", async () => {
    const { port, run } = await served()
    /** How many streams are open, as far as further ones tell. */
    const openNow = async () => {
      const more = await Promise.all(Array.from({ length: 8 }, () => openStream(port)))
      for (const { leave } of more) leave()
      return 8 - more.filter(({ first }) => first.startsWith("HTTP/1.1 200")).length
    }
    const reader = await openStream(port)
    reader.pause()
    // Fills what the system keeps for a socket, and then what may wait.
    const keys = Array.from({ length: 3 }, (_, i) => `${"k".repeat(190)}${i}`)
    for (let i = 0; i < 120 && (await openNow()) === 1; i++) {
      await run(Effect.andThen(
        Effect.replicateEffect(Cached.invalidate(keys), 200),
        Effect.sleep("200 millis")
      ))
    }
    // The system still has bytes for it, and then the connection ends.
    reader.resume()
    await reader.closed
  }, 120_000)
})
