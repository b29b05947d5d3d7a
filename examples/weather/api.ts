/** A weather service on loopback. It says how long each report is fresh, and names its version. */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

interface City {
  celsius: number
  readonly cacheControl: string
}

export const cities: Record<string, City> = {
  Berlin: { celsius: 18, cacheControl: "max-age=3600" },
  Oslo: { celsius: 9, cacheControl: "max-age=300" },
  Lima: { celsius: 22, cacheControl: "no-store" }
}

/** The report of a city, or "not modified" (304) for a client that has this report. */
const answer = (name: string, ifNoneMatch: string | undefined) => {
  const city = cities[name]
  if (city === undefined) return HttpServerResponse.empty({ status: 404 })
  const etag = `"${name}-${city.celsius}"`
  const headers = { "cache-control": city.cacheControl, etag }
  return etag === ifNoneMatch
    ? HttpServerResponse.empty({ status: 304, headers })
    : HttpServerResponse.jsonUnsafe({ celsius: city.celsius }, { headers })
}

export const startApi = Effect.gen(function*() {
  const log: Array<string> = []
  const router = yield* HttpRouter.make
  yield* router.add(
    "GET",
    "/weather/:city",
    Effect.gen(function*() {
      const { city = "" } = yield* HttpRouter.params
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      const response = answer(city, headers["if-none-match"])
      log.push(`${city} ${response.status}`)
      return response
    })
  )
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* server.serve(router.asHttpEffect())
  return { url: HttpServer.formatAddress(server.address), log }
})
