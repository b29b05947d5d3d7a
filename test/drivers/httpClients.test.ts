/** The caching client over the HTTP clients of Effect for Node, at a real server, and over a folder that stays. */
import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { CacheLayer } from "effect-cached"
import { CachedHttpClient } from "effect-cached/http"
import { FetchHttpClient, HttpClient } from "effect/http"
import { readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { tempDirectory } from "../support/tempDirectory.ts"

const large = "0123456789".repeat(20_000)

/** Counts its requests. `/large` has no length, `/zip` is compressed, `/cut` breaks off. */
const startServer = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly asked: Array<string>; readonly close: () => void }>((resume) => {
    const asked: Array<string> = []
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers["if-none-match"] ?? ""}`.trim())
      response.setHeader("cache-control", request.url === "/stale" ? "max-age=0" : "max-age=60").setHeader(
        "etag",
        "\"1\""
      )
      if (request.headers["if-none-match"] === "\"1\"") return void response.writeHead(304).end()
      if (request.url === "/large") {
        response.write(large.slice(0, 100_000))
        return void response.end(large.slice(100_000))
      }
      if (request.url === "/vary") {
        return void response.setHeader("vary", "Cookie, Authorization, X-Color, Accept-Language").end("varies")
      }
      if (request.url === "/zip") return void response.setHeader("content-encoding", "gzip").end(gzipSync(large))
      if (request.url === "/cut" && asked.filter((one) => one.includes("/cut")).length === 1) {
        response.setHeader("content-length", "200000").write(large.slice(0, 100_000))
        return void setTimeout(() => response.destroy(), 50)
      }
      response.end(`${request.method} ${request.headers.authorization ?? ""}`)
    })
    server.listen(0, "127.0.0.1", () => {
      const close = () => {
        server.closeAllConnections()
        server.close()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const textOf = (url: string, headers: Record<string, string> = {}) =>
  Effect.flatMap(HttpClient.get(url, { headers }), (response) => response.text)

const clients = {
  fetch: FetchHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  "node:http": NodeHttpClient.layerNodeHttp
}

describe.each(Object.entries(clients))("%s", (name, layer) => {
  const cached = CachedHttpClient.layer({ mode: "private" }).pipe(Layer.provide([layer, CacheLayer.memory()]))

  it.live("stores, validates, shares and refuses what is cut short", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* startServer
      expect([yield* textOf(`${url}/a`), yield* textOf(`${url}/a`)]).toEqual(["GET ", "GET "])
      expect([yield* textOf(`${url}/stale`), yield* textOf(`${url}/stale`)]).toEqual(["GET ", "GET "])
      expect(asked).toEqual(["GET /a", "GET /stale", "GET /stale \"1\""])
      const [one, two] = yield* Effect.all([textOf(`${url}/large`), textOf(`${url}/large`)], { concurrency: 2 })
      expect([one === large, two === large, (yield* textOf(`${url}/large`)) === large]).toEqual([true, true, true])
      expect(asked.length).toBe(4)
      expect((yield* Effect.exit(textOf(`${url}/cut`)))._tag).toBe("Failure")
      expect(yield* textOf(`${url}/cut`)).toBe("GET ")
      if (name === "fetch") {
        expect([(yield* textOf(`${url}/zip`)) === large, (yield* textOf(`${url}/zip`)) === large]).toEqual([true, true])
        expect(asked.length).toBe(7)
      }
      yield* HttpClient.post(`${url}/a`)
      yield* textOf(`${url}/a`)
      expect(asked.slice(-2)).toEqual(["POST /a", "GET /a"])
    }).pipe(Effect.scoped, Effect.provide(cached)) as Effect.Effect<void>)
})

it.live("a folder serves responses and their bodies after a restart, also those to credentials with the secret", () =>
  Effect.gen(function*() {
    const { asked, url } = yield* startServer
    const directory = yield* tempDirectory
    const run = (secret: string) => {
      const client = CachedHttpClient.layer({ mode: "private", secret: Redacted.make(secret) }).pipe(
        Layer.provide([FetchHttpClient.layer, CacheLayer.disk({ directory })])
      )
      const all = Effect.all([textOf(`${url}/a`), textOf(`${url}/large`), textOf(`${url}/a`, { authorization: "x" })])
      return Effect.provide(all, client)
    }
    const first = yield* run("s")
    expect(first.map((text) => text.length)).toEqual([4, large.length, 5])
    expect(yield* run("s")).toEqual(first)
    expect(asked.length).toBe(3)
    yield* run("another")
    expect(asked.length).toBe(4)
  }).pipe(Effect.scoped) as Effect.Effect<void>)

it.live("no credentials lie in a folder, also where Vary names them", () =>
  Effect.gen(function*() {
    const { asked, url } = yield* startServer
    const directory = yield* tempDirectory
    const client = CachedHttpClient.layer({ mode: "private" }).pipe(
      Layer.provide([NodeHttpClient.layerNodeHttp, CacheLayer.disk({ directory })])
    )
    const user = { cookie: "hidden-a", authorization: "hidden-b", "x-color": "hidden-c", "accept-language": "shown-d" }
    const all = [textOf(`${url}/vary`, user), textOf(`${url}/vary`, user), textOf(`${url}/vary`)]
    yield* Effect.provide(Effect.all(all), client)
    expect(asked.length).toBe(2)
    const stored = readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((file) =>
      file.isFile() ? [readFileSync(join(file.parentPath, file.name), "latin1")] : []
    ).join()
    expect(stored).toContain("shown-d")
    expect(stored).not.toContain("hidden-")
  }).pipe(Effect.scoped) as Effect.Effect<void>)
