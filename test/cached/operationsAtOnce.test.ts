/** Many operations at once on a store that blocks the thread: other fibers run between them. */
import { describe, expect } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { slowly } from "../support/slowly.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { testIn } from "../support/tests.ts"

const many = 200

const ids = Array.from({ length: many }, (_, i) => `id ${i}`)

const operations: Record<string, (id: string) => Effect.Effect<unknown, never, Caching.Caching>> = {
  "invalidations": Cached.invalidate,
  "removals": Cached.remove,
  "invalidations of tags": (id) => Cached.invalidate({ tag: id }),
  "sets": (id) => Effect.orDie(Cached.set(id, id, { ttl: "1 hour" })),
  "touches": (id) => Cached.touch(id, "1 hour")
}

/** A cache in whose program each look at the clock takes a millisecond. */
const layers = Effect.gen(function*() {
  const directory = yield* tempDirectory
  const clock = Layer.succeed(Clock.Clock, yield* slowly(1))
  return {
    disk: Layer.provide(CacheLayer.disk({ directory: `${directory}/disk` }), clock),
    files: Layer.provide(CacheLayer.files({ directory: `${directory}/files` }), clock)
  }
})

for (const kind of ["disk", "files"] as const) {
  describe(`many operations at once on ${kind}`, () => {
    const test = testIn(Layer.unwrap(Effect.map(layers, (all) => all[kind])))

    for (const [name, operation] of Object.entries(operations)) {
      test(`let other fibers run between them: ${name}`, function*() {
        yield* Cached.setMany(ids.map((id) => [id, id]), { ttl: "2 hours" })
        let ended = 0
        const each = (id: string) => Effect.tap(operation(id), () => Effect.sync(() => ended++))
        const all = yield* Effect.forkChild(Effect.forEach(ids, each, { concurrency: "unbounded" }))
        yield* Effect.yieldNow
        expect(ended).toBeLessThan(many / 2)
        yield* Effect.yieldNow
        expect(ended).toBeLessThan(many)
        const answers = yield* Fiber.join(all)
        expect(new Set(answers)).toEqual(
          new Set([name === "invalidations" || name === "invalidations of tags" ? undefined : true])
        )
        expect(yield* Cached.size).toBe(["invalidations", "removals"].includes(name) ? 0 : many)
        expect((yield* Cached.stats).storeFailures).toBe(0)
      })
    }

    test("of `runSync` do not wait", function*() {
      const run = Effect.runSyncWith(yield* Effect.context<Caching.Caching>())
      for (const id of ids) {
        run(Cached.set(id, id, { ttl: "1 hour" }))
        run(Cached.invalidate(id))
      }
      expect(yield* Cached.size).toBe(0)
    })

    test("that are interrupted while they wait are sent later", function*() {
      yield* Cached.setMany(ids.map((id) => [id, id]), { ttl: "2 hours" })
      const all = yield* Effect.forkChild(Effect.forEach(ids, Cached.invalidate, { concurrency: "unbounded" }))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(all)
      for (const id of ids) expect(yield* Cached.has(id)).toBe(false)
    })
  })
}
