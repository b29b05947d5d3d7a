/**
 * An HTTP client behind a cache: `npm start weather`.
 *
 * A report lives for as long as the API says, and from 40 minutes on it is served at once and refreshed in the
 * background. The API stands here, on loopback. Watch the last column, what it was asked for and what it answered.
 */
import { Console, DateTime, Duration, Effect, Layer, Option } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { cities, startApi } from "./api.ts"
import { makeWeather, type Weather } from "./weather.ts"

const names = Object.keys(cities)

const line = (cells: ReadonlyArray<string>) => cells.map((cell) => cell.padEnd(8)).join("").trimEnd()

const explanation = `
Lima says no-store: it is asked for every time. Oslo says max-age=300: it lives for five minutes.
Berlin says max-age=3600, and is refreshed in the background from 40 minutes on:
- at 09:45 the API finds its report still right (304, no body), and it lives for another hour
- at 10:30 it is not right any more: the old one is served while the new one is fetched, which is there at 10:31`

const program = Effect.gen(function*() {
  const api = yield* startApi
  const weather = makeWeather(api.url)

  const look = Effect.gen(function*() {
    const before = api.log.length
    const reports = yield* Effect.forEach(names, (city) => weather({ city }))
    yield* untilFresh(weather.key({ city: "Berlin" }))
    // Sorted by column, because the refresh of Berlin runs during the reads after it.
    const asked = names.flatMap((city) => api.log.slice(before).filter((line) => line.startsWith(city))).join(", ")
    const time = DateTime.formatIso(yield* DateTime.now).slice(11, 16)
    yield* Console.log(line([time, ...reports.map(({ celsius }) => `${celsius} °C`), asked]))
  })

  yield* Console.log(line(["", ...names, "the API was asked for"]))
  yield* TestClock.adjust("9 hours")
  for (const minutes of [0, 1, 5, 39, 35]) yield* Effect.andThen(TestClock.adjust(Duration.minutes(minutes)), look)
  cities["Berlin"]!.celsius = 23
  for (const minutes of [10, 1]) yield* Effect.andThen(TestClock.adjust(Duration.minutes(minutes)), look)
  yield* Console.log(explanation)
})

/** The cache's clock is virtual, the network's is not: waits for a refresh in the background to end. */
const untilFresh = (key: Weather) =>
  Effect.repeat(
    Effect.andThen(
      TestClock.withLive(Effect.sleep("5 millis")),
      Effect.map(Cached.getEntry(key), Option.map(({ expiresIn }) => expiresIn))
    ),
    { until: Option.exists(Duration.isGreaterThan(Duration.minutes(20))) }
  )

await Effect.runPromise(
  program.pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(CacheLayer.memory(), FetchHttpClient.layer)),
    Effect.provide(TestClock.layer())
  )
)
