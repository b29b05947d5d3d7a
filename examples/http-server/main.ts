/**
 * A page behind a cache: a herd, a condition, a purge and an outage, with the `Cache-Status` of each request.
 *
 *     npm start http-server
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

let runs = 0
let isDown = false

const page = Effect.suspend(() => {
  if (isDown) return Effect.fail(new Error("the database is down"))
  return Effect.delay(
    Effect.sync(() =>
      HttpServerResponse.html(`<h1>Page ${++runs}</h1>`).pipe(
        HttpServerResponse.setHeaders({
          "cache-control": "max-age=1, stale-while-revalidate=1, stale-if-error=60",
          "cache-tag": "pages"
        })
      )
    ),
    "100 millis"
  )
})

const app = Layer.mergeAll(
  HttpRouter.add("GET", "/page", page),
  HttpCacheMiddleware.purge({ path: "/purge", secret: Redacted.make("secret") }),
  // Otherwise a condition would run the handler, because `fetch` sends it with `no-cache`.
  HttpCacheMiddleware.layer({ requestDirectives: false })
)

const server = HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provide(CacheLayer.memory({ capacity: 1000 }))
)

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  if (address._tag === "UnixPathAddress") return
  const origin = `http://127.0.0.1:${address.port}`
  const ask = (title: string, path: string, init?: RequestInit) =>
    Effect.promise(async () => {
      const response = await fetch(`${origin}${path}`, init)
      const text = await response.text()
      console.log(`${title.padEnd(34)} ${response.status} ${text.padEnd(16)} ${response.headers.get("cache-status")}`)
      return response
    })

  const herd = yield* Effect.all(Array.from({ length: 100 }, () => Effect.promise(() => fetch(`${origin}/page`))), {
    concurrency: "unbounded"
  })
  console.log(`${herd.length} requests at once: the handler ran ${runs} time(s)\n`)
  const first = yield* ask("a request", "/page")
  yield* ask("with the ETag of that", "/page", { headers: { "if-none-match": first.headers.get("etag") ?? "" } })
  yield* Effect.sleep("1.2 seconds")
  yield* ask("stale: served, and refreshed", "/page")
  yield* Effect.sleep("200 millis")
  yield* ask("a moment later", "/page")
  yield* ask("purged by tag", "/purge?tag=pages", { method: "POST", headers: { authorization: "Bearer secret" } })
  yield* ask("after the purge", "/page")
  yield* Effect.sleep("2.1 seconds")
  isDown = true
  yield* ask("the handler fails", "/page")
  isDown = false
  yield* ask("it works again", "/page")
})

await Effect.runPromise(program.pipe(Effect.provide(server)))
