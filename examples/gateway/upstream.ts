/** The service behind the gateway: it is slow, has a limit of requests, and is down for a while. */
import { Clock, Effect } from "effect"
import { Guard } from "effect-cached"
import { HttpRouter, HttpServerResponse } from "effect/http"

/** How long an answer takes, and how many requests a second are allowed. */
export const latency = "80 millis"
export const limit = 20

/** The seconds after which it goes down, and comes back. */
export const downFrom = 4
export const downUntil = 7

/** The requests that it has received. */
export interface Seen {
  requests: number
  refused: number
  failed: number
}

export const makeUpstream = Effect.gen(function*() {
  const seen: Seen = { requests: 0, refused: 0, failed: 0 }
  const prices = new Map<string, number>()
  const startedAt = yield* Clock.currentTimeMillis
  const isDown = Effect.map(Clock.currentTimeMillis, (now) => {
    const seconds = (now - startedAt) / 1000
    return seconds >= downFrom && seconds < downUntil
  })

  /** Answers a limited number of requests a second. Others get the time after which to retry. */
  const answer = (change: number) =>
    Effect.gen(function*() {
      const { id = "" } = yield* HttpRouter.params
      yield* Effect.sleep(latency)
      if (yield* isDown) {
        seen.failed++
        return HttpServerResponse.empty({ status: 503 })
      }
      const price = (prices.get(id) ?? 100) + change
      prices.set(id, price)
      return HttpServerResponse.jsonUnsafe({ id, price })
    }).pipe(
      Guard.rateLimit({ key: "requests of the service", limit, window: "1 second" }),
      Effect.catchTag("RateLimitExceeded", ({ retryAfterHeader }) => {
        seen.refused++
        return Effect.succeed(HttpServerResponse.empty({ status: 429, headers: { "retry-after": retryAfterHeader } }))
      }),
      Effect.tap(() => Effect.sync(() => seen.requests++))
    )

  const router = yield* HttpRouter.make
  yield* router.add("GET", "/products/:id", answer(0))
  yield* router.add("PUT", "/products/:id", answer(1))
  return { app: router.asHttpEffect(), seen }
})
