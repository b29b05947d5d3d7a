/** An inspector on the router of a program, and clients that write their requests byte by byte. */
import { NodeHttpServer } from "@effect/platform-node"
import { type Effect, Layer, Logger, ManagedRuntime } from "effect"
import { CacheLayer, type Caching } from "effect-cached"
import { CacheInspector } from "effect-cached/inspector"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { HttpOptions } from "../../src/inspector/options.ts"
import { rawOf } from "../support/rawOf.ts"

export const token = "0123456789abcdef0123456789abcdef"

type Options = Partial<HttpOptions<any, any>>

interface Given {
  readonly cache?: Layer.Layer<Caching.Caching>
  readonly inspector?: Layer.Layer<never, never, any>
  readonly listen?: { readonly port: number }
}

export const serving = async (
  options: Options = {},
  { cache = CacheLayer.memory(), inspector, listen }: Given = {}
) => {
  const logged: Array<string> = []
  const log = Logger.layer([Logger.make(({ fiber, message }) => {
    const annotations = fiber.context.mapUnsafe.get("effect/References/CurrentLogAnnotations")
    logged.push(`${String(message)} ${JSON.stringify(annotations ?? {})}`)
  })])
  const own = inspector ?? CacheInspector.layerHttp(
    { path: "/cache", hosts: ["localhost"], ...options.authorize === undefined ? { token } : {}, ...options } as never
  )
  const at = { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0, ...listen }
  const served = HttpRouter.serve(own as Layer.Layer<never, never, HttpRouter.HttpRouter>, { disableListenLog: true })
    .pipe(
      Layer.provideMerge(
        NodeHttpServer.layer(createServer, at)
      ),
      Layer.provideMerge(cache),
      Layer.provideMerge(log)
    )
  const runtime = ManagedRuntime.make(served as Layer.Layer<HttpServer.HttpServer | Caching.Caching>)
  const { address } = await runtime.runPromise(HttpServer.HttpServer)
  const { port } = address as unknown as { readonly port: number }
  /** All bytes that a request gets. */
  const raw = rawOf(port)
  const send = async (
    path: string,
    { body, headers = {}, method = "POST" }: {
      readonly body?: string
      readonly headers?: Readonly<Record<string, string | undefined>>
      readonly method?: string
    } = {}
  ) => {
    const fields: Record<string, string | undefined> = {
      Host: `localhost:${port}`,
      Connection: "close",
      ...method === "POST"
        ? { Origin: `http://localhost:${port}`, "Content-Type": "application/json", Authorization: `Bearer ${token}` }
        : {},
      ...body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body, "latin1")) },
      ...headers
    }
    const head = Object.entries(fields).flatMap(([name, value]) => value === undefined ? [] : [`${name}: ${value}\r\n`])
    const bytes = await raw(`${method} ${path} HTTP/1.1\r\n${head.join("")}\r\n${body ?? ""}`)
    return { bytes, status: Number(bytes.slice(9, 12)), body: bytes.slice(bytes.indexOf("\r\n\r\n") + 4) }
  }
  const post = (endpoint: string, body: object, headers: Readonly<Record<string, string | undefined>> = {}) =>
    send(`/cache/api/${endpoint}`, { body: JSON.stringify(body), headers })
  const json = async (endpoint: string, body: object) => JSON.parse((await post(endpoint, body)).body)
  const run = <A>(effect: Effect.Effect<A, any, Caching.Caching>): Promise<A> => runtime.runPromise(effect)
  return { json, logged, port, post, raw, run, runtime, send, stop: () => runtime.dispose() }
}
