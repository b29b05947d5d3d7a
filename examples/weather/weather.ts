/** A client of the weather service that follows the caching headers of its answers. */
import { Duration, Effect, Option, Schema } from "effect"
import { Cached, CacheKey } from "effect-cached"
import { HttpClient, HttpClientResponse } from "effect/http"

const Report = Schema.Struct({ celsius: Schema.Finite })

export class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Report
}) {}

/** How long an answer may be served. Without a header, the strategy decides. */
const lifetimeOf = (cacheControl = ""): Duration.Duration | undefined => {
  if (/\bno-store\b/.test(cacheControl)) return Duration.zero
  const maxAge = /\bmax-age=(\d+)/.exec(cacheControl)?.[1]
  return maxAge === undefined ? undefined : Duration.seconds(Number(maxAge))
}

export const makeWeather = (url: string) =>
  Cached.fn(
    Weather,
    Effect.fnUntraced(function*({ city }) {
      const previous = Option.getOrUndefined(yield* Cached.previous(Weather))
      const headers = previous?.etag === undefined ? {} : { "if-none-match": previous.etag }
      const response = yield* HttpClient.get(`${url}/weather/${city}`, { headers })
      const { "cache-control": cacheControl, etag } = response.headers
      yield* Cached.annotate({ etag, ttl: lifetimeOf(cacheControl) })
      if (response.status === 304) return yield* Cached.notModified
      return yield* HttpClientResponse.schemaBodyJson(Report)(yield* HttpClientResponse.filterStatusOk(response))
    }),
    { strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "40 minutes" }
  )
