/** A cached handler behind a real server of Node, and clients that write their requests byte by byte. */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer } from "node:http"
import { connect } from "node:net"
import { rawOf } from "../support/rawOf.ts"

export type SocketHandler = (
  request: HttpServerRequest.HttpServerRequest,
  run: number
) => Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, any>

export interface Sent {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Received {
  /** All bytes. */
  readonly bytes: string
  readonly status: number
  readonly body: string
  readonly cacheStatus: string
}

const unchunked = (sent: string): string => {
  const end = sent.indexOf("\r\n")
  const length = parseInt(sent.slice(0, end), 16)
  if (!(length > 0)) return ""
  return sent.slice(end + 2, end + 2 + length) + unchunked(sent.slice(end + 4 + length))
}

type Others = Layer.Layer<never, never, any>

/** `others`: layers after the cache, or a function that puts some around it. */
export const serving = async (
  handler: SocketHandler,
  options: HttpCacheMiddleware.Options = {},
  others: Others | ((cache: Others) => Others) = Layer.empty,
  path: "/*" | `/${string}/*` = "/*"
) => {
  const state = { runs: 0 }
  const run = HttpServerRequest.HttpServerRequest.use((request) => Effect.suspend(() => handler(request, ++state.runs)))
  const cache = HttpCacheMiddleware.layer(options)
  const app = Layer.mergeAll(
    HttpRouter.add("*", path, run as Effect.Effect<HttpServerResponse.HttpServerResponse>),
    typeof others === "function" ? others(cache) : Layer.merge(cache, others)
  )
  const served = HttpRouter.serve(app as never, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
    Layer.provide(CacheLayer.memory()),
    Layer.provideMerge(TestClock.layer())
  )
  const runtime = ManagedRuntime.make(served as Layer.Layer<HttpServer.HttpServer>)
  const { address } = await runtime.runPromise(HttpServer.HttpServer)
  const { port } = address as unknown as { readonly port: number }
  /** A client that sends its request, and reads nothing. */
  const stall = (text: string) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text)).pause()
    return () => socket.destroy()
  }
  const raw = rawOf(port)
  const ask = async ({ body, headers = {}, method = "GET", path = "/" }: Sent = {}): Promise<Received> => {
    const length = body === undefined ? {} : { "Content-Length": String(body.length) }
    const fields = Object.entries({ Host: "good.example", Connection: "close", ...headers, ...length })
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")
    const bytes = await raw(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ""}`)
    const [top = "", ...rest] = bytes.split("\r\n\r\n")
    const cacheStatus = /^cache-status: effect-cached; (.*)$/im.exec(top)?.[1]?.trim() ?? ""
    const sent = rest.join("\r\n\r\n")
    const isChunked = /^transfer-encoding: chunked/im.test(top)
    return { bytes, status: Number(top.slice(9, 12)), body: isChunked ? unchunked(sent) : sent, cacheStatus }
  }
  const pass = (seconds: number) => runtime.runPromise(TestClock.adjust(`${seconds} seconds`) as Effect.Effect<void>)
  return { ask, pass, raw, stall, state, stop: () => runtime.dispose() }
}
