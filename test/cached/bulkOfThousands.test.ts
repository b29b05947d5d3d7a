/** A read of thousands of keys asks the store in groups: each of them is answered within the time that the store has. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema, Semaphore } from "effect"
import { Cached, CacheKey, Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { fakeStore, over, start } from "../promises/caches.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}

it.effect("a store that writes one entry after the other gets all of them", () => {
  const fake = fakeStore()
  const oneByOne = Semaphore.makeUnsafe(1).withPermits(1)
  fake.behave = (operation) => operation === "set" ? { before: oneByOne(Effect.sleep("500 micros")) } : {}
  const keys = 3000
  const calls: Array<number> = []
  const users = Cached.many(User, {
    lookup: (keys) =>
      Effect.sync(() => {
        calls.push(keys.length)
        return keys.map(({ id }) => Exit.succeed(id))
      }),
    strategy: Strategy.ttl({ ttl: "1 hour" })
  })
  return Effect.gen(function*() {
    const reading = yield* start(users(Array.from({ length: keys }, (_, id) => ({ id }))))
    // only the writes take time
    while (fake.count("set") === 0) yield* Effect.yieldNow
    yield* TestClock.adjust(`${keys} millis`)
    expect((yield* Fiber.join(reading)).every(Exit.isSuccess)).toBe(true)
    expect(calls).toEqual([keys])
    expect(fake.entries.size).toBe(keys)
    expect((yield* Cached.stats).storeFailures).toBe(0)
  }).pipe(Effect.provide(over(fake)))
})
