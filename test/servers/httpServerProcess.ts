/** A server of one page behind a cache over Redis: it tells its port, and each answer names its process and its run. */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

let runs = 0
const page = Effect.sync(() =>
  HttpServerResponse.text(`${process.pid} ${++runs}`, {
    headers: { "cache-control": "max-age=600", "cache-tag": "pages" }
  })
)
const app = Layer.mergeAll(
  HttpRouter.add("GET", "/page", page),
  HttpCacheMiddleware.purge({ path: "/purge", secret: Redacted.make("secret") }),
  // All processes answer for one host.
  HttpCacheMiddleware.layer({ hosts: ["example.com"] })
)
const server = HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provide(CacheLayer.redis({ url: process.argv[2]! }))
)
const told = Effect.map(HttpServer.HttpServer, ({ address }) => process.send!((address as { port: number }).port))
await Effect.runPromise(Effect.andThen(told, Effect.never).pipe(Effect.provide(server)))
