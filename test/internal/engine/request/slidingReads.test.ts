/** When reads of a sliding entry tell the store, however late in the day it was made. */
import { expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { counting, over, settle } from "../../../support/caches.ts"
import { test } from "../../../support/tests.ts"

test("the store hears of each tenth of idle since the entry was made", function*() {
  const touchedAt: Array<number> = []
  let age = 0
  const inner = MemoryStore.make()
  const store: Store.Store = {
    ...inner,
    touch: (...args) => {
      touchedAt.push(age)
      return inner.touch(...args)
    }
  }
  yield* TestClock.adjust(86_400_370)
  const read = counting().load.pipe(Cached.sliding("k", { idle: 10_000 }))
  yield* Effect.gen(function*() {
    yield* read
    for (age = 100; age <= 3500; age += 100) {
      yield* TestClock.adjust(100)
      yield* read
      yield* settle
    }
  }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, store) })))
  expect(touchedAt).toEqual([1000, 2000, 3000])
})
