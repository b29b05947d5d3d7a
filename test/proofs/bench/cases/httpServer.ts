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
import { inTurn, print, processorMillis } from "../measure.ts"

const headers = { "cache-control": "max-age=3600", etag: "\"1\"" }
const small = HttpServerResponse.text("x".repeat(2000), { headers })
const large = HttpServerResponse.uint8Array(new Uint8Array(1_000_000).fill(97), { headers })
const ofHit = { ...headers, age: "12", "cache-status": "effect-cached; hit; ttl=3588" }
const bytes = new Uint8Array(2000).fill(120)
const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/small", small),
  HttpRouter.add("GET", "/large", large),
  HttpRouter.add("GET", "/as-hit", HttpServerResponse.uint8Array(bytes, { headers: ofHit, contentType: "text/plain" })),
  HttpRouter.add("GET", "/unchanged", HttpServerResponse.empty({ status: 304, headers: ofHit }))
)

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
const send = async (origin: string, path: string, count: number, condition?: string) => {
  const before = processorMillis()
  client.send({ origin, path, count, condition })
  await once(client, "message")
  return (processorMillis() - before) * 1e6 / count
}

const subjects = {
  "a hit": () => send(cached, "/small", 400),
  "a constant": () => send(constant, "/small", 400),
  "a 304": () => send(cached, "/small", 400, "\"1\""),
  "a constant that has the bytes and fields of a hit": () => send(constant, "/as-hit", 400),
  "a constant 304": () => send(constant, "/unchanged", 400, "\"1\""),
  "a hit of 1 MB": () => send(cached, "/large", 40),
  "a constant of 1 MB": () => send(constant, "/large", 40)
}

print(
  await Effect.runPromise(
    inTurn(
      { subjects: Object.keys(subjects), warmup: 5, rounds: 40 },
      (name) => Effect.promise(() => subjects[name as keyof typeof subjects]())
    )
  )
)
client.kill()
process.exit(0)
