/**
 * The gateway of the examples, in virtual time: its two services are called as servers call them, without a network.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpClient, HttpClientResponse, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { guarded, makeGateway, plain, type Products } from "../../examples/gateway/gateway.ts"
import { load, seconds } from "../../examples/gateway/load.ts"
import { table } from "../../examples/gateway/table.ts"
import { limit, makeUpstream } from "../../examples/gateway/upstream.ts"

type App = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, HttpServerRequest.HttpServerRequest | any>

/** A client whose servers are values, by their host. */
const clientOf = (apps: ReadonlyMap<string, App>) =>
  HttpClient.make((request, url) =>
    Effect.gen(function*() {
      const webRequest = HttpServerRequest.fromWeb(new Request(url, { method: request.method }))
      const response = yield* Effect.scoped(
        Effect.provideService(apps.get(url.host)!, HttpServerRequest.HttpServerRequest, webRequest)
      )
      return HttpClientResponse.fromWeb(request, HttpServerResponse.toWeb(response))
    }).pipe(Effect.orDie) as Effect.Effect<HttpClientResponse.HttpClientResponse>
  )

/** Decoding goes through promises: they settle between two steps of the clock. */
const passing = (millis: number) =>
  Effect.gen(function*() {
    for (let passed = 0; passed < millis; passed += 10) {
      yield* TestClock.adjust("10 millis")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

const run = <E extends { readonly _tag: string }, R>(products: (url: string) => Products<E, R>) =>
  Effect.gen(function*() {
    const apps = new Map<string, App>()
    const client = Layer.succeed(HttpClient.HttpClient, clientOf(apps))
    const upstream = yield* makeUpstream
    apps.set("upstream", upstream.app)
    return yield* Effect.gen(function*() {
      apps.set("gateway", yield* makeGateway(products("http://upstream")))
      const running = yield* Effect.forkChild(load("http://gateway"))
      yield* passing(seconds * 1000 + 2000)
      return { upstream: upstream.seen, clients: yield* Fiber.join(running) }
    }).pipe(Effect.provide(Layer.merge(client, CacheLayer.memory())))
  })

describe("the gateway of the examples", () => {
  it.effect("spares the upstream, and its readers do not notice that it is down", () =>
    Effect.gen(function*() {
      const without = yield* run(plain)
      yield* TestClock.adjust("1 minute")
      const cached = yield* run(guarded)
      // Without: most requests are above the limit, or come while it is down.
      expect(without.clients.requests).toBeGreaterThan(500)
      expect(without.clients.failed).toBeGreaterThan(without.clients.answered)
      expect(without.upstream.refused).toBeGreaterThan(250)
      // With: the limit is kept, and hardly any client asks a service that is down.
      expect(cached.upstream.refused).toBe(0)
      expect(cached.upstream.failed).toBeLessThan(12)
      expect(cached.upstream.requests).toBeLessThan(limit * seconds / 2)
      // Only the editor sees that it is down.
      expect(cached.clients.failed).toBeLessThan(10)
      expect(cached.clients.answered).toBeGreaterThan(cached.clients.requests - 10)
      expect(table(without, cached).split("\n")).toHaveLength(7)
    }), 60_000)
})
