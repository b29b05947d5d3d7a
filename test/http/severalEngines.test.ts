/** Servers and clients of several caches over one store share responses, and invalidate them for each other. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { fakeStore, over } from "../support/caches.ts"
import { sized } from "../support/everything.ts"
import { client, drawn, type Front, middleware } from "./drawn.ts"
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

describe("each user gets a response that the model allows", () => {
  const engines = (front: Front) => {
    const store = fakeStore()
    return (origin: Parameters<Front>[0]) =>
      Effect.forEach([1, 2, 3], () =>
        Effect.flatMap(
          Layer.build(Layer.fresh(over(store, { memory: false }))),
          (caching) => Effect.provide(front(origin), caching)
        ))
  }

  it.effect.each<[string, Front]>([
    ["of servers", middleware],
    ["of clients", client("shared")]
  ])("%s", ([, front]) =>
    Effect.gen(function*() {
      const all = { answers: 0, runs: 0 }
      for (let seed = 1; seed <= sized(20, 3); seed++) {
        const { answers, faults, runs } = yield* drawn(seed, {
          mode: "shared",
          // The load of another engine may have begun before a write.
          lag: 300,
          fronts: engines(front)
        }).pipe(Effect.scoped, Effect.provide(Layer.fresh(TestClock.layer())))
        expect(faults[0] ?? "", `seed ${seed}`).toBe("")
        all.answers += answers
        all.runs += runs
      }
      expect(all.runs / all.answers).toBeLessThan(0.95)
    }))
})
