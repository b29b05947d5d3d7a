/** A load generator: readers request products, and an editor raises a price every now and then. */
import { Clock, Effect } from "effect"
import { HttpClient } from "effect/http"

export const seconds = 10
export const readers = 10
export const everyMillis = 100
const products = 12

export interface Clients {
  requests: number
  /** Requests that were answered with a product. */
  answered: number
  failed: number
  longestMillis: number
}

export const load = Effect.fnUntraced(function*(url: string) {
  const clients: Clients = { requests: 0, answered: 0, failed: 0, longestMillis: 0 }
  const ask = (request: Effect.Effect<{ readonly status: number }, unknown, HttpClient.HttpClient>) =>
    Effect.gen(function*() {
      clients.requests++
      const startedAt = yield* Clock.currentTimeMillis
      const status = yield* Effect.match(request, { onSuccess: ({ status }) => status, onFailure: () => 0 })
      clients.longestMillis = Math.max(clients.longestMillis, (yield* Clock.currentTimeMillis) - startedAt)
      if (status === 200) clients.answered++
      else clients.failed++
    })
  const end = (yield* Clock.currentTimeMillis) + seconds * 1000
  const until = <E, R>(request: (n: number) => Effect.Effect<void, E, R>, pauseMillis: number) =>
    Effect.gen(function*() {
      for (let n = 0; (yield* Clock.currentTimeMillis) < end; n++) {
        yield* request(n)
        yield* Effect.sleep(pauseMillis)
      }
    })
  const reader = (place: number) =>
    until((n) => ask(HttpClient.get(`${url}/products/${(place + n * n) % products}`)), everyMillis)
  const editor = until((n) => ask(HttpClient.put(`${url}/products/${n % products}`)), 1000)
  yield* Effect.all([editor, ...Array.from({ length: readers }, (_, place) => reader(place))], {
    concurrency: "unbounded",
    discard: true
  })
  return clients
})
