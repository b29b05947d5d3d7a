/** `HttpCacheMiddleware` with other programs: processes over one Redis, curl, undici, and Chromium. */
import { NodeHttpServer } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type ChildProcess, execFile, fork } from "node:child_process"
import { createServer, request } from "node:http"
import { join } from "node:path"
import { promisify } from "node:util"
import { Agent, interceptors, request as ask } from "undici"
import { until } from "../processes/processes.ts"
import { isMissing } from "../support/needs.ts"
import { programOf } from "../support/program.ts"
import { program as redis, type Server, startServer } from "../support/redis.ts"
import { type Page, start as startBrowser } from "./browser/browser.ts"

const timeout = 120_000

describe.skipIf(isMissing(redis))("eight processes over one Redis", () => {
  let server: Server
  let children: ReadonlyArray<ChildProcess> = []
  let ports: ReadonlyArray<number> = []

  beforeAll(async () => {
    server = await startServer()
    const module = await programOf(join(import.meta.dirname, "httpServerProcess.ts"))
    children = Array.from({ length: 8 }, () => fork(module, [server.url]))
    ports = await Promise.all(
      children.map((child) => new Promise<number>((resolve) => child.once("message", (port) => resolve(Number(port)))))
    )
  }, timeout)
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL")
    await server.end()
  })

  /** `fetch` sets no `Host`. */
  const send = (port: number, method: string, path: string) =>
    new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const headers = { host: "example.com", authorization: "Bearer secret" }
      const sent = request({ port, method, path, headers: method === "GET" ? { host: headers.host } : headers })
      sent.once("error", reject).once("response", async (response) => {
        const text = (await response.toArray()).join("")
        resolve({ status: response.statusCode!, text })
      })
      sent.end()
    })
  const all = () => Promise.all(ports.map(async (port) => (await send(port, "GET", "/page")).text))

  it("are purged together by a purge of one of them", { timeout }, async () => {
    let before = (await all())[0]!
    expect(new Set(await all())).toEqual(new Set([before]))
    for (const port of [ports[0]!, ports[7]!]) {
      expect((await send(port, "POST", "/purge?tag=pages")).status).toBe(204)
      // The process that was purged has purged itself at once, and the others hear of it.
      expect((await send(port, "GET", "/page")).text).not.toBe(before)
      await until("all have the new page", async () => !(await all()).includes(before))
      before = (await all())[0]!
      expect(new Set(await all())).toEqual(new Set([before]))
    }
  })
})

/** A server in this process. `seen` has each request as it arrived, `runs` those that reached a handler. */
const serve = () => {
  const seen: Array<{ readonly path: string; readonly condition: string | undefined; readonly status: number }> = []
  const runs: Array<string> = []
  const route = (path: `/${string}`, headers: Record<string, string>, body = `body of ${path}`) =>
    HttpRouter.add(
      "GET",
      path,
      Effect.sync(() => {
        runs.push(path)
        return HttpServerResponse.text(body, { headers: { "content-type": "text/html", ...headers } })
      })
    )
  const log = HttpRouter.middleware((app) =>
    Effect.gen(function*() {
      const { headers, url } = yield* HttpServerRequest.HttpServerRequest
      const response = yield* app
      seen.push({ path: url, condition: headers["if-none-match"], status: response.status })
      return response
    }), { global: true }) as unknown as Layer.Layer<never, never, HttpRouter.HttpRouter>
  const app = Layer.mergeAll(
    route("/validated", { "cache-control": "max-age=0, must-revalidate", "x-for": "all" }),
    route("/page", { "cache-control": "max-age=600" }, `<script src="/asset.js"></script>page`),
    route("/asset.js", { "cache-control": "max-age=600, immutable", "content-type": "text/javascript" }, "1"),
    route("/other", { "cache-control": "no-store" }, "<title>other</title>"),
    route("/logout", { "cache-control": "no-store", "clear-site-data": "\"cache\"" }),
    HttpCacheMiddleware.layer({ requestDirectives: false }).pipe(Layer.provideMerge(log))
  )
  const runtime = ManagedRuntime.make(
    HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
      Layer.provide(CacheLayer.memory())
    )
  )
  const url = runtime.runPromise(
    Effect.map(HttpServer.HttpServer, ({ address }) => `http://localhost:${(address as { port: number }).port}`)
  )
  return { seen, runs, url, stop: () => runtime.dispose() }
}

it.skipIf(isMissing("curl"))(
  "curl keeps an ETag, asks for ranges and heads, and sends a condition",
  { timeout },
  async () => {
    const { runs, stop, url } = serve()
    const at = `${await url}/page`
    const curl = async (...args: ReadonlyArray<string>) =>
      (await promisify(execFile)("curl", ["--silent", "--show-error", "--include", ...args, at])).stdout
    const first = await curl()
    expect(first).toMatch(/^HTTP\/1.1 200 /)
    const etag = /^etag: (.*)\r$/im.exec(first)![1]!
    expect(await curl("--header", `If-None-Match: ${etag}`)).toMatch(/^HTTP\/1.1 304 [^]*\r\n\r\n$/)
    expect(await curl("--range", "1-6")).toMatch(/^HTTP\/1.1 206 [^]*\r\n\r\nscript$/)
    expect(await curl("--head")).toMatch(/^HTTP\/1.1 200 [^]*content-length: 37\r\n/i)
    expect(runs).toEqual(["/page"])
    await stop()
  }
)

it("the cache of undici serves and validates what the server permits", { timeout }, async () => {
  const { runs, seen, stop, url } = serve()
  const dispatcher = new Agent().compose(interceptors.cache())
  const get = async (path: string) => {
    const { body, statusCode } = await ask(`${await url}${path}`, { dispatcher })
    return [statusCode, await body.text()]
  }
  for (const path of ["/validated", "/asset.js"]) {
    for (let i = 0; i < 2; i++) expect((await get(path))[0]).toBe(200)
  }
  expect(seen.filter(({ path }) => path === "/asset.js")).toHaveLength(1)
  expect(seen.filter(({ path }) => path === "/validated").map(({ status }) => status)).toEqual([200, 304])
  expect(runs.filter((path) => path === "/asset.js")).toHaveLength(1)
  await dispatcher.close()
  await stop()
})

describe.skipIf(isMissing("chromium"))("Chromium", () => {
  it(
    "validates with 304, keeps what is immutable until Clear-Site-Data, and goes back and forward",
    { timeout },
    async () => {
      const { runs, seen, stop, url } = serve()
      const origin = await url
      const browser = await startBrowser({})
      const page: Page = await browser.context.newPage()
      const fetched = (path: string) => page.evaluate<string>(`fetch("${path}").then((response) => response.text())`)
      const of = (path: string) => seen.filter((one) => one.path === path).map(({ status }) => status)

      await page.goto(`${origin}/page`)
      expect(of("/page")).toEqual([200])
      for (let i = 0; i < 3; i++) expect(await fetched("/validated")).toBe("body of /validated")
      // The browser sends the condition, and its programs see the stored body.
      expect(of("/validated")).toEqual([200, 304, 304])

      await page.evaluate("location.reload()")
      const isReady = () => page.evaluate<string>("document.readyState").catch(() => "")
      await until("the page is loaded again", async () => of("/page").length === 2 && await isReady() === "complete")
      expect(of("/page")).toEqual([200, 304])
      expect(of("/asset.js")).toEqual([200])

      await page.goto(`${origin}/other`)
      await page.evaluate("history.back()").catch(() => undefined)
      await until("back", async () => await page.evaluate<string>("location.pathname").catch(() => "") === "/page")
      await page.evaluate("history.forward()").catch(() => undefined)
      await until("forward", async () => await page.evaluate<string>("location.pathname").catch(() => "") === "/other")
      expect([of("/page"), of("/asset.js")]).toEqual([[200, 304], [200]])

      await fetched("/logout")
      // A tab has a memory of its own: another one asks the cache of the browser, which is empty.
      await page.close()
      const next = await browser.context.newPage()
      await next.goto(`${origin}/page`)
      await until("the asset is loaded again", () => of("/asset.js").length === 2)
      expect([of("/page"), of("/asset.js")]).toEqual([[200, 304, 200], [200, 200]])
      expect(runs.filter((path) => path === "/asset.js" || path === "/page")).toEqual(["/page", "/asset.js"])
      await browser.stop()
      await stop()
    }
  )
})
