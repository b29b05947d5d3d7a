/**
 * An HTTP client that obeys caching headers, and outlives an outage: `npm start http-client`.
 *
 * The origin stands here, on loopback. Each line is one request; watch `Cache-Status`, which says what the cache did.
 */
import { Console, DateTime, type Duration, Effect, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { CachedHttpClient, HttpCache } from "effect-cached/http"
import { FetchHttpClient, HttpClient } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { TestClock } from "effect/testing"
import { startOrigin } from "./origin.ts"
import { api } from "./rates.ts"

const cached = CachedHttpClient.layer({ mode: "private" }).pipe(
  Layer.provide(FetchHttpClient.layer),
  Layer.provideMerge(CacheLayer.memory())
)

const program = Effect.gen(function*() {
  const origin = yield* startOrigin
  const client = yield* HttpClient.HttpClient

  const ask = (method: "get" | "put", path: string, headers: Record<string, string> = {}) =>
    Effect.gen(function*() {
      const response = yield* client[method](`${origin.url}${path}`, { headers })
      const text = yield* response.text
      const time = DateTime.formatIso(yield* DateTime.now).slice(11, 19)
      const request = `${method.toUpperCase()} ${path} ${Object.values(headers).join()}`.trim()
      const [, status] = response.headers["cache-status"]!.split("effect-cached; ")
      yield* Console.log(`${time}  ${request.padEnd(22)} ${String(response.status)}  ${text.padEnd(10)} ${status}`)
    })

  const after = (time: Duration.Input) => TestClock.adjust(time)

  yield* after("9 hours")
  yield* Effect.all([ask("get", "/news"), ask("get", "/news")], { concurrency: "unbounded" })
  yield* after("30 seconds")
  yield* ask("get", "/news")
  yield* after("31 seconds")
  yield* ask("get", "/news")
  yield* ask("get", "/greeting", { "accept-language": "de" })
  yield* ask("get", "/greeting", { "accept-language": "en" })
  yield* ask("get", "/greeting", { "accept-language": "de" })
  yield* ask("put", "/news")
  yield* ask("get", "/news")
  const { rates } = yield* HttpCache.client(api, yield* HttpApiClient.make(api, { baseUrl: origin.url }))
  const [first, second] = [yield* rates.get(), yield* rates.get()]
  yield* rates.put()
  yield* Console.log(`values of an endpoint: ${first.euro}, ${second.euro}, after a PUT ${(yield* rates.get()).euro}`)
  yield* Console.log("the origin goes down")
  yield* origin.stop
  yield* ask("get", "/news")
  yield* after("2 minutes")
  yield* ask("get", "/news")
  yield* ask("get", "/prices", { "cache-control": "only-if-cached" })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(cached), Effect.provide(TestClock.layer())))
