/** A hit of a caching HTTP client, with its body, beside a client that answers a constant, and undici's cache. */
import { Effect } from "effect"
import { CacheLayer, type Caching } from "effect-cached"
import { CachedHttpClient } from "effect-cached/http"
import { HttpClient, HttpClientResponse } from "effect/http"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Agent, fetch, interceptors } from "undici"
import { inTurn, measure, repeat, took } from "../measure.ts"

const text = "x".repeat(2000)
const headers = { "cache-control": "max-age=3600", "content-length": String(text.length) }
const repeats = 300

const constant = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(text, { headers })))
)

const server = createServer((_, response) => void response.writeHead(200, headers).end(text)).listen(0)
await once(server, "listening")
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/path?x=1`
const dispatcher = new Agent().compose(interceptors.cache({ type: "private" })) as never

const textOf = (client: HttpClient.HttpClient) => Effect.flatMap(client.get(url), (response) => response.text)

const program = Effect.gen(function*() {
  const cached = yield* CachedHttpClient.wrap(constant, { mode: "private" })
  const subjects = {
    "a hit": textOf(cached),
    "a constant": textOf(constant),
    "undici's cache": Effect.promise(() => fetch(url, { dispatcher }).then((response) => response.text()))
  }
  return yield* inTurn<Effect.Effect<unknown, unknown, Caching.Caching>, unknown, Caching.Caching>(
    subjects,
    { warmup: 10, rounds: 60 },
    (text) => took(repeat(() => text, repeats), repeats)
  )
})

await measure(program.pipe(Effect.provide(CacheLayer.memory())))
