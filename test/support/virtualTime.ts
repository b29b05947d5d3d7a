/** Time for tests that wait for it. */
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** An effect that sleeps, in as much virtual time as it needs. */
export const inVirtualTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("50 millis")
    return yield* Fiber.join(fiber)
  })
