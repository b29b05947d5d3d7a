/** A load that runs again for another caller, and what is forgotten of callers. */
import { expect, it } from "@effect/vitest"
import { Context, Effect, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"

class Http extends Context.Service<Http, Effect.Effect<string>>()("Http") {}

const find = Cached.fn(() => "k", () => Effect.flatten(Http), { ttl: "1 hour", maxLoad: "1 second" })

it.effect("a load that runs again for a caller of another made function has the services of that one", () =>
  Effect.gen(function*() {
    const first = yield* Cached.make(find).pipe(Effect.provideService(Http, Effect.never))
    const second = yield* Cached.make(find).pipe(Effect.provideService(Http, Effect.succeed("second")))
    const reader = yield* Effect.forkChild(first(), { startImmediately: true })
    const other = yield* Effect.forkChild(second(), { startImmediately: true })
    yield* Fiber.interrupt(reader)
    yield* TestClock.adjust("2 seconds")
    expect(yield* second()).toBe("second")
    expect(yield* Fiber.join(other)).toBe("second")
  }).pipe(Effect.provide(CacheLayer.memory())))
