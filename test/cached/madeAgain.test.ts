/** A load that runs again for another caller, and what is forgotten of callers. */
import { expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Scope } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

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

class Caller extends Context.Service<Caller, object>()("Caller") {}
class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}

it("a read through withCache keeps nothing of its caller, once it has ended", async () => {
  const scope = await Effect.runPromise(Scope.make())
  const layer = Layer.merge(CacheLayer.memory(), CacheLayer.named(Pages, Layer.fresh(CacheLayer.memory())))
  const caches = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const page = Effect.succeed(1).pipe(Cached.ttl("page", { ttl: "1 hour" }), Cached.withCache(Pages))
  // A function of its own, whose frame ends: a variable of this one would keep the service alive.
  const readBy = async (): Promise<WeakRef<object>> => {
    const service = {}
    await Effect.runPromise(page.pipe(Effect.provideService(Caller, service), Effect.provide(caches)))
    return new WeakRef(service)
  }
  const caller = await readBy()
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  expect(caller.deref()).toBe(undefined)
  await Effect.runPromise(Effect.provide(page, caches))
})
