/**
 * Attacks over raw sockets on real servers behind `HttpCacheMiddleware`: that of `node:http`, or the one of Bun or Deno
 * that takes a `fetch` handler. Prints a line for each attack: its name, what came, and what is right.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime, Redacted, Stream } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { connect } from "node:net"

interface Listening {
  readonly port: number
  readonly stop: () => Promise<unknown>
}

type App = Layer.Layer<never, never, HttpRouter.HttpRouter>

const kinds: Readonly<Record<string, (app: App) => Promise<Listening>>> = {
  node: async (app) => {
    const runtime = ManagedRuntime.make(
      HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      )
    )
    const { address } = await runtime.runPromise(HttpServer.HttpServer)
    return { port: (address as { readonly port: number }).port, stop: () => runtime.dispose() }
  },
  fetch: (app) => {
    const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
    const { Bun, Deno } = globalThis as { readonly Bun?: any; readonly Deno?: any }
    const options = { port: 0, hostname: "127.0.0.1" }
    const fetch = (request: Request) => handler(request)
    if (Bun !== undefined) {
      const server = Bun.serve({ ...options, fetch })
      return Promise.resolve({ port: server.port, stop: () => Promise.all([dispose(), server.stop(true)]) })
    }
    const server = Deno.serve({ ...options, onListen: () => undefined }, fetch)
    return Promise.resolve({ port: server.addr.port, stop: () => Promise.all([dispose(), server.shutdown()]) })
  }
}

type Handler = (
  request: HttpServerRequest.HttpServerRequest,
  run: number
) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, any>

interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly readsNothing?: boolean
  /** Leaves after this many milliseconds. */
  readonly leavesAfter?: number
}

const start = kinds[process.argv[2] ?? "node"]!

/** A server of one handler for all paths. `around` gives what stands around the cache. */
const serving = async (
  handler: Handler,
  options: HttpCacheMiddleware.Options = {},
  around: Layer.Layer<never, never, any> = Layer.empty
) => {
  const state = { runs: 0 }
  const run = HttpServerRequest.HttpServerRequest.use((request) => Effect.suspend(() => handler(request, ++state.runs)))
  const app = Layer.mergeAll(
    HttpRouter.add("*", "/*", run as Effect.Effect<HttpServerResponse.HttpServerResponse>),
    HttpCacheMiddleware.purge({ path: "/purge", secret: Redacted.make("secret") }),
    HttpCacheMiddleware.layer(options).pipe(Layer.provide(around as Layer.Layer<never>))
  ).pipe(Layer.provide(CacheLayer.memory()))
  const { port, stop } = await start(app as App)
  const ask = (path: string, { body, headers = {}, leavesAfter, method = "GET", readsNothing = false }: Sent = {}) =>
    new Promise<string>((resolve) => {
      const length = body === undefined ? {} : { "Content-Length": String(body.length) }
      const fields = Object.entries({ Host: "good.example", Connection: "close", ...headers, ...length })
      const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")
      let received = ""
      const socket = connect(port, "127.0.0.1")
      socket.on("connect", () => socket.write(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ""}`))
      socket.on("data", (chunk) => received += chunk.toString("latin1")).on("error", () => undefined)
      socket.on("close", () => resolve(received))
      if (readsNothing) socket.pause()
      if (leavesAfter !== undefined) setTimeout(() => socket.destroy(), leavesAfter)
    })
  return { ask, state, stop }
}

const minute = { "cache-control": "max-age=60" }
const text = (body: string, headers: Readonly<Record<string, string>> = minute) =>
  Effect.succeed(HttpServerResponse.text(body, { headers }))
const bodyOf = (bytes: string) => /run \d+[^\r\n]*/.exec(bytes)?.[0]
const statusOf = (bytes: string) => Number(bytes.slice(9, 12))
const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

type Attack = (
  serve: (...args: Parameters<typeof serving>) => Promise<Omit<Awaited<ReturnType<typeof serving>>, "stop">>
) => Promise<readonly [got: unknown, right: unknown]>

const attacks: Readonly<Record<string, Attack>> = {
  "a cookie as a field is for one": async (serve) => {
    const { ask } = await serve((_, run) => text(`run ${run}`, { ...minute, "set-cookie": `sid=user${run}` }))
    const [first, second] = [await ask("/"), await ask("/")]
    return [[first.includes("sid=user1"), bodyOf(second), second.includes("user1")], [true, "run 2", false]]
  },
  "a private Response in a raw body is for one": async (serve) => {
    const headers = { "cache-control": "private, no-store", "set-cookie": "sid=user1" }
    const { ask } = await serve(
      (_, run) => Effect.sync(() => HttpServerResponse.raw(new Response(`run ${run}`, { status: 404, headers }))),
      { cacheControl: "max-age=60" }
    )
    const all = [await ask("/"), await ask("/")]
    return [all.map((one) => [statusOf(one), bodyOf(one)]), [[404, "run 1"], [404, "run 2"]]]
  },
  "a host that a client names is seen nowhere": async (serve) => {
    const { ask } = await serve((request, run) =>
      Effect.flatMap(Effect.orDie(HttpServerRequest.toWeb(request)), (web) => {
        const { headers, rawHeaders = [] } = request.source as { readonly headers: any; readonly rawHeaders?: unknown }
        const own = headers instanceof Headers ? Array.from(headers) : headers
        return text(
          `run ${run} ${JSON.stringify([request.headers, Array.from(web.headers), web.url, own, rawHeaders])}`
        )
      })
    )
    const headers = { "X-Forwarded-Host": "evil.example", "X-Original-URL": "/evil" }
    const all = [
      await ask("/", { headers }),
      await ask("/", { headers: { ...headers, Baggage: "evil" } }),
      await ask("/")
    ]
    // `Baggage` counts as the name of a user.
    return [all.map((one) => [bodyOf(one)?.slice(0, 5), one.includes("evil")]), [
      ...[["run 1", false], ["run 2", false], ["run 1", false]]
    ]]
  },
  "a page is stored for no other URL": async (serve) => {
    const { ask } = await serve(({ headers, url }, run) => text(`run ${run} ${headers["host"]}${url}`))
    const forged = [
      "/x/../news",
      "/x/%2e%2e/news",
      "/news?q=<script>",
      "/news#x",
      "/n%65ws",
      "/news?a=%ff",
      "/x\\..\\news"
    ]
    for (const path of forged) await ask(path)
    await ask("http://evil.example/news")
    const victims = ["/news", "/news?q=%3Cscript%3E", "/news?a=%fe"]
    const got: Array<unknown> = []
    for (const path of victims) got.push(bodyOf(await ask(path))?.replace(/run \d+ /, ""))
    return [got, victims.map((path) => `good.example${path}`)]
  },
  "a second host is seen nowhere": async (serve) => {
    const { ask } = await serve(({ headers }, run) => text(`run ${run} ${headers["host"]}`))
    await ask("/", { headers: { Host: "good.example\r\nHost: evil.example" } })
    return [bodyOf(await ask("/"))?.includes("evil"), false]
  },
  "an ignored parameter is seen nowhere, and the order of others does not count": async (serve) => {
    const { ask, state } = await serve(
      (request, run) =>
        Effect.flatMap(
          Effect.orDie(HttpServerRequest.toWeb(request)),
          (web) =>
            text(
              `run ${run} ${JSON.stringify([request.url, request.originalUrl, web.url, (request.source as any).url])}`
            )
        ),
      { ignoreQuery: ["utm"], sortQuery: true }
    )
    const first = await ask("/p?b=2&utm=evil&a=1")
    const second = await ask("/p?a=1&b=2")
    return [[first.includes("evil"), bodyOf(second)?.slice(0, 5), state.runs], [false, "run 1", 1]]
  },
  "GET with a body answers no other": async (serve) => {
    const { ask } = await serve((request, run) =>
      Effect.flatMap(Effect.orElseSucceed(request.text, () => ""), (body) => text(`run ${run} ${body}`))
    )
    await ask("/", { body: "evil" })
    return [bodyOf(await ask("/")), "run 2 "]
  },
  "a body that never comes delays no other": async (serve) => {
    const { ask } = await serve((request, run) => Effect.andThen(Effect.ignore(request.text), text(`run ${run}`)))
    const stalled = ask("/", { headers: { "Content-Length": "100" }, leavesAfter: 3000 })
    await sleep(200)
    const victim = await ask("/", { leavesAfter: 2000 })
    await stalled
    return [statusOf(victim), 200]
  },
  "a run ends with its last client, and the next client runs the handler": async (serve) => {
    const ended = { runs: 0 }
    const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void ended.runs++))
    const { ask } = await serve((_, run) => run === 1 ? hanging : text(`run ${run}`))
    await ask("/", { leavesAfter: 300 })
    for (let i = 0; i < 50 && ended.runs === 0; i++) await sleep(100)
    return [[ended.runs, bodyOf(await ask("/", { leavesAfter: 4000 }))], [1, "run 2"]]
  },
  "a client that reads nothing delays no other": async (serve) => {
    const part = new Uint8Array(1_048_576)
    const parts = Stream.fromIterable(Array.from({ length: 30 }, () => part))
    const stream = Stream.concat(Stream.drain(Stream.fromEffect(Effect.sleep("300 millis"))), parts)
    const { ask } = await serve(() => Effect.succeed(HttpServerResponse.stream(stream, { headers: minute })), {
      maxBody: "1 MiB"
    })
    const stalled = ask("/", { readsNothing: true, leavesAfter: 8000 })
    await sleep(100)
    const all = await ask("/", { leavesAfter: 8000 })
    await stalled
    return [all.length > 30 * part.length, true]
  }
}

for (const [name, attack] of Object.entries(attacks)) {
  const stops: Array<() => Promise<unknown>> = []
  const [got, right] = await attack(async (...args) => {
    const { stop, ...others } = await serving(...args)
    stops.push(stop)
    return others
  })
  console.log(JSON.stringify({ name, got, right }))
  for (const stop of stops) await stop()
}
process.exit(0)
