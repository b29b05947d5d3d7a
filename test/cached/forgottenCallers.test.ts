/** A cache keeps nothing of a caller that has ended. */
import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Scope } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

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
