/** Invalidations that the store has not acknowledged are sent again, and only while nothing newer replaces them. */
import { expect, it } from "@effect/vitest"
import { Effect, Latch } from "effect"
import { Cached, CacheError } from "effect-cached"
import { TestClock } from "effect/testing"
import { fakeStore, over, settle } from "../support/caches.ts"

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

it.effect("an invalidation that is sent again skips what was set meanwhile", () => {
  const fake = fakeStore()
  return Effect.gen(function*() {
    yield* Cached.setMany([["a", 1], ["b", 1]])
    fake.behave = () => ({ before: Effect.fail(unavailable) })
    yield* Cached.invalidate("a")
    yield* Cached.invalidate("b")
    const answers = yield* Latch.make()
    fake.behave = (operation, id) => operation === "remove" && id === "a" ? { before: answers.await } : {}
    // The replay waits for the removal of "a".
    yield* TestClock.adjust("3 seconds")
    yield* Cached.set("b", 2)
    expect(fake.entries.has("b")).toBe(true)
    yield* answers.open
    yield* settle
    expect(fake.entries.has("a")).toBe(false)
    expect(fake.entries.has("b")).toBe(true)
  }).pipe(Effect.provide(over(fake, { storeTimeout: "1 minute" })))
})
