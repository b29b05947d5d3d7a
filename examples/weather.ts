/**
 * An HTTP client behind a cache: `npm run example weather`.
 *
 * A report lives for an hour, or as long as the API's own `Cache-Control` says, and from 40 minutes on it is served at
 * once and refreshed in the background. The API stands here, on loopback, and every report that it gives is one degree
 * warmer. Watch the last column, what the API was asked for: Oslo says `max-age=300`, Lima `no-store`, Berlin nothing;
 * and at 09:45 Berlin is served the old report while a new one is fetched, which is there at 09:46.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
import {
  FetchHttpClient,
  HttpClient,
  HttpClientResponse,
  HttpRouter,
  HttpServer,
  HttpServerResponse
} from "effect/http"
import { TestClock } from "effect/testing"
import { createServer } from "node:http"

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Schema.Struct({ celsius: Schema.Finite, lifetime: Schema.Duration })
}) {}

const lifetimeOf = (cacheControl = ""): Duration.Duration => {
  if (/\bno-store\b/.test(cacheControl)) return Duration.zero
  const maxAge = /\bmax-age=(\d+)/.exec(cacheControl)?.[1]
  return maxAge === undefined ? Duration.hours(1) : Duration.seconds(Number(maxAge))
}

/** A client for the API at `url`. Nothing in the lookup knows that it is cached. */
const makeWeather = (url: string) =>
  Cached.fn(Weather, {
    lookup: Effect.fnUntraced(function*({ city }) {
      const response = yield* HttpClientResponse.filterStatusOk(yield* HttpClient.get(`${url}/weather/${city}`))
      const { celsius } = yield* HttpClientResponse.schemaBodyJson(Schema.Struct({ celsius: Schema.Finite }))(response)
      return { celsius, lifetime: lifetimeOf(response.headers["cache-control"]) }
    }),
    strategy: Strategy.refreshAhead({
      ttl: (exit) => Exit.isSuccess(exit) ? exit.value.lifetime : Duration.zero,
      refreshAfter: "40 minutes"
    })
  })

const cities: Record<string, { celsius: number; readonly headers: Record<string, string> }> = {
  Berlin: { celsius: 18, headers: {} },
  Lima: { celsius: 22, headers: { "cache-control": "no-store" } },
  Oslo: { celsius: 9, headers: { "cache-control": "max-age=300" } }
}

const startApi = Effect.gen(function*() {
  const log: Array<string> = []
  const router = yield* HttpRouter.make
  yield* router.add(
    "GET",
    "/weather/:city",
    Effect.map(HttpRouter.params, ({ city = "" }) => {
      log.push(city)
      const report = cities[city]
      if (report === undefined) return HttpServerResponse.empty({ status: 404 })
      return HttpServerResponse.jsonUnsafe({ celsius: report.celsius++ }, { headers: report.headers })
    })
  )
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* server.serve(router.asHttpEffect())
  return { url: HttpServer.formatAddress(server.address), log }
})

const line = (cells: ReadonlyArray<string>) => cells.map((cell) => cell.padEnd(8)).join("").trimEnd()

const program = Effect.gen(function*() {
  const api = yield* startApi
  const weather = makeWeather(api.url)
  yield* Console.log(line(["", ...Object.keys(cities), "the API was asked for"]))
  let now = 0
  for (const minute of [0, 1, 6, 45, 46]) {
    yield* TestClock.adjust(Duration.minutes(minute - now))
    now = minute
    const before = api.log.length
    const reports = yield* Effect.forEach(Object.keys(cities), (city) => weather({ city }))
    yield* untilFresh(weather.key({ city: "Berlin" }))
    const time = `09:${`${minute}`.padStart(2, "0")}`
    const asked = api.log.slice(before).toSorted().join(", ")
    yield* Console.log(line([time, ...reports.map(({ celsius }) => `${celsius} °C`), asked]))
  }
})

/** The cache's clock is virtual, the network's is not: waits for a refresh in the background to come home. */
const untilFresh = (key: Weather) =>
  Effect.repeat(
    Effect.andThen(TestClock.withLive(Effect.sleep("5 millis")), Cached.expiresIn(key)),
    { until: Option.exists(Duration.isGreaterThan(Duration.minutes(20))) }
  )

await Effect.runPromise(
  program.pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(CacheLayer.memory(), FetchHttpClient.layer)),
    Effect.provide(TestClock.layer())
  )
)
