/** Lookups of many keys, in which one stands twice. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { chunk } from "../../src/internal/defaults/bounds.ts"
import { impatient } from "../support/impatient.ts"
import { listenersOf } from "../support/listeners.ts"
import { testIn } from "../support/tests.ts"

describe("a key that a lookup names twice has one answer", () => {
  testIn(CacheLayer.memory())("if a removal listener removes it meanwhile", function*() {
    yield* Cached.set("twice", 1)
    yield* Cached.set("ended", 2, { tags: ["T"] })
    yield* Cached.invalidate({ tag: "T" })
    const context = yield* Effect.context<Caching.Caching>()
    listenersOf(yield* Caching.Caching).onRemoval(({ id }) => {
      if (id === "ended") Effect.runSync(Effect.provide(Cached.invalidate("twice"), context))
    })
    const [first, ended, second] = yield* Cached.getMany(["twice", "ended", "twice"])
    expect(ended!._tag).toBe("None")
    expect(second).toEqual(first)
  })

  it.effect("if it is set while a long list takes its turns", () =>
    impatient(
      Effect.gen(function*() {
        const others = Array.from({ length: 2 * chunk }, (_, i) => `other ${i}`)
        for (let yields = 0; yields < 40; yields++) {
          const later = Effect.repeat(Effect.yieldNow, { times: yields })
          const setting = yield* Effect.forkChild(Effect.andThen(later, Cached.set("twice", 1)))
          const found = yield* Cached.getMany(["twice", ...others, "twice"])
          expect(found.at(-1)).toEqual(found[0])
          yield* Fiber.join(setting)
          yield* Cached.invalidate("twice")
        }
      }).pipe(Effect.provide(CacheLayer.memory()))
    ))
})
