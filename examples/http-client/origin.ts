/** The origin: news that change with each PUT, a greeting in two languages, and rates that change all the time. */
import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

let edition = 1
let rate = 1

const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  "GET /news": (request, response) => {
    const etag = `"${edition}"`
    response.setHeader("cache-control", "max-age=60, stale-if-error=3600").setHeader("etag", etag)
    if (request.headers["if-none-match"] !== etag) return void response.end(`edition ${edition}`)
    response.statusCode = 304
    response.end()
  },
  "PUT /news": (_, response) => {
    edition++
    response.statusCode = 204
    response.end()
  },
  // They say nothing about caching: the annotation in `rates.ts` does.
  "GET /rates": (_, response) => {
    response.setHeader("cache-control", "no-store").setHeader("content-type", "application/json")
    response.end(JSON.stringify({ euro: rate++ }))
  },
  "PUT /rates": (_, response) => {
    response.statusCode = 204
    response.end()
  },
  "GET /greeting": (request, response) => {
    response.setHeader("cache-control", "max-age=60").setHeader("vary", "Accept-Language")
    response.end(request.headers["accept-language"] === "de" ? "Hallo" : "Hello")
  }
}

/** Starts the origin; it is stopped with the scope, or before, for an outage. */
export const startOrigin = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly stop: Effect.Effect<void> }>((resume) => {
    const server = createServer((request, response) => {
      // The time of the example is virtual, that of Node is not.
      response.sendDate = false
      routes[`${request.method} ${request.url}`]?.(request, response)
    })
    const stop = Effect.callback<void>((stopped) => {
      server.close(() => stopped(Effect.void))
      server.closeAllConnections()
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, stop }))
    })
  }),
  ({ stop }) => stop
)
