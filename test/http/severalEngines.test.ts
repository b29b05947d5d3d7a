/** Clients of several caches over one store share their responses, and invalidate them for each other. */
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { fakeStore, over } from "../support/caches.ts"
import { originOf, seen, shared, textOf, url } from "./origin.ts"

it.effect("what one stores, the others serve, until one of them writes", () =>
  Effect.gen(function*() {
    const origin = originOf((_, count) => ({
      body: `v${count}`,
      headers: { "cache-control": "max-age=60, stale-if-error=60", "content-length": `v${count}`.length.toString() }
    }))
    const store = fakeStore()
    const clients = []
    for (let i = 0; i < 4; i++) {
      const cache = yield* Layer.build(Layer.fresh(over(store, { memory: false })))
      clients.push(yield* Effect.provide(shared(origin), cache))
    }
    const [a, b, c] = clients as [typeof clients[0] & {}, typeof clients[0] & {}, typeof clients[0] & {}]
    expect(yield* textOf(a)).toBe("v1")
    for (const client of clients) {
      const { cache, text } = yield* Effect.flatMap(client.get(url), seen)
      expect([text, cache]).toEqual(["v1", "effect-cached; hit; ttl=60"])
    }
    yield* b.put(url)
    expect(yield* textOf(c)).toBe("v3")
    expect(yield* textOf(a)).toBe("v3")
  }).pipe(Effect.scoped))
