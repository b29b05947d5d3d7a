/**
 * One program under five URLs, as an operator would set them: `npm start configured`.
 *
 * Watch "loads": each line runs the program twice, like two processes, and each run reads three cities two times. What
 * is kept over the restart, and what is kept at all, is said by the URL alone.
 */
import { ConfigProvider, Console, Duration, Effect, Option, References, Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"
import * as CacheProfiles from "effect-cached/CacheProfiles"
import { CacheConfig } from "effect-cached/config"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

let loads = 0

const weather = (city: string) =>
  Effect.sync(() => {
    loads++
    return { city, celsius: city.length + 15 }
  }).pipe(Cached.ttl(`weather:${city}`, { ttl: "10 minutes" }))

const cities = ["Berlin", "Oslo", "Lima"]

/** The program. It knows the names of its variables, but not which cache it has. */
const program = Effect.forEach([...cities, ...cities], weather, { discard: true }).pipe(
  Effect.provide(CacheConfig.layer("CACHE", { default: "memory:" }))
)

const folder = mkdtempSync(join(tmpdir(), "configured-"))
const urls = ["disabled:", "memory:", "memory:?capacity=2", `disk:${folder}/disk`, `files:${folder}/files?format=yaml`]

const run = Effect.fn(function*(url: string) {
  const counts: Array<number> = []
  for (let i = 0; i < 2; i++) {
    loads = 0
    yield* Effect.provide(program, ConfigProvider.layer(ConfigProvider.fromEnv({ env: { CACHE_URL: url } })))
    counts.push(loads)
  }
  yield* Console.log(
    `CACHE_URL=${url.replace(folder, "./cache").padEnd(34)} ${counts[0]} loads, after a restart ${counts[1]}`
  )
})

class Forecast extends CacheKey.Class<Forecast>()("Forecast", {
  payload: { city: Schema.String },
  success: Schema.Number
}) {}

const forecast = Cached.fn(Forecast, ({ city }) => Effect.succeed(city.length + 15), { ttl: "1 day" })

/** The operator also says how long forecasts are kept, and changes it while the program runs. */
const profiled = Effect.gen(function*() {
  const life = Effect.map(
    Effect.andThen(
      forecast({ city: "Oslo" }),
      Effect.map(Cached.getEntry(forecast.key({ city: "Oslo" })), Option.map(({ expiresIn }) => expiresIn))
    ),
    (left) => `${Math.round(Duration.toMinutes(Option.getOrThrow(left)))} minutes`
  )
  yield* Console.log(`CACHE_PROFILES_FORECAST_TTL=10m: forecasts are kept for ${yield* life}, not for a day`)
  yield* CacheProfiles.set("Forecast", { ttl: "1 hour" })
  yield* Console.log(`CacheProfiles.set("Forecast", { ttl: "1 hour" }): for ${yield* life}`)
}).pipe(
  Effect.provide(
    CacheConfig.layer("CACHE", { default: "memory:" }).pipe(
      CacheConfig.profiles("CACHE_PROFILES", { classes: [Forecast] })
    )
  ),
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { CACHE_PROFILES_FORECAST_TTL: "10m" } })))
)

const main = Effect.gen(function*() {
  for (const url of urls) yield* run(url)
  yield* profiled
  const files = readdirSync(join(folder, "files")).filter((name) => name.endsWith(".yaml"))
  yield* Console.log(`files: ${files.length} for people to read, like ${files.toSorted()[0]!.replace(/~\w+/, "~…")}`)
})

await Effect.runPromise(Effect.provideService(main, References.MinimumLogLevel, "Warn"))
rmSync(folder, { recursive: true })
