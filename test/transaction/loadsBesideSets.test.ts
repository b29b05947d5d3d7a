/** A value set beside a commit is newer than what the transaction has loaded, even if memory had no room for it. */
import { expect } from "@effect/vitest"
import { Effect, Fiber, References } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { test } from "../support/tests.ts"

test("a load of a transaction does not replace a value that was set while it was committed", function*() {
  let sets = 0
  for (let i = 0; i < 5 * 40; i++) {
    const yields = i % 40
    const operations = 3 + Math.floor(i / 40)
    const program = Effect.gen(function*() {
      let isLoading = false
      const read = Effect.sync(() => {
        isLoading = true
        return "loaded"
      }).pipe(Cached.ttl("a", { ttl: "1 hour" }))
      const committing = yield* Effect.forkChild(
        Transaction.run(read, { isolation: "serializable" }).pipe(
          // Other fibers run between steps of the commit.
          Effect.provideService(References.MaxOpsBeforeYield, operations)
        )
      )
      for (let yielded = 0; yielded < yields; yielded++) yield* Effect.yieldNow
      const wasLoading = isLoading
      yield* Cached.set("a", "set")
      // There is room for one value.
      yield* Cached.set("b", "set")
      yield* Fiber.join(committing)
      if (!wasLoading) return
      sets++
      expect(yield* Cached.getOption("a")).toMatchObject({ _tag: "None" })
    })
    yield* Effect.provide(program, CacheLayer.memory({ capacity: 1 }))
  }
  expect(sets).toBeGreaterThan(0)
})
