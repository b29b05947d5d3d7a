/**
 * Requests to a server whose answers are cached, beside a server whose routes answer with a constant. They come from a
 * process of its own, on several connections, and the time of the processor in this process counts.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { fork } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { inTurn, measure, processorNanos, took } from "../measure.ts"

const headers = { "cache-control": "max-age=3600", etag: "\"1\"" }
const small = HttpServerResponse.text("x".repeat(2000), { headers })
const large = HttpServerResponse.uint8Array(new Uint8Array(1_000_000).fill(97), { headers })
const routes = Layer.mergeAll(HttpRouter.add("GET", "/small", small), HttpRouter.add("GET", "/large", large))

const serve = async (app: typeof routes) => {
  const served = HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )
  const { address } = await ManagedRuntime.make(served).runPromise(HttpServer.HttpServer)
  return `http://127.0.0.1:${(address as { port: number }).port}`
}

const constant = await serve(routes)
const cached = await serve(
  Layer.mergeAll(routes, HttpCacheMiddleware.layer()).pipe(Layer.provide(CacheLayer.memory())) as typeof routes
)

const client = fork(new URL("httpServerClient.ts", import.meta.url))
const send = (origin: string, path: string, count: number, condition?: string) => () =>
  took(
    Effect.promise(() => {
      client.send({ origin, path, count, condition })
      return once(client, "message")
    }),
    count,
    processorNanos
  )

const subjects = {
  "a hit": send(cached, "/small", 400),
  "a constant": send(constant, "/small", 400),
  "a 304": send(cached, "/small", 400, "\"1\""),
  "a hit of 1 MB": send(cached, "/large", 40),
  "a constant of 1 MB": send(constant, "/large", 40)
}

process.once("exit", () => client.kill())
await measure(inTurn(subjects, { warmup: 5, rounds: 40 }, (requests) => requests()))
