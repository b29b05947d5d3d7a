/** An effect that waits, in as much virtual time as it needs. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { CacheError } from "effect-cached"
import { withTimePassing } from "effect-cached/testing"
import type { TimeOptions } from "../../src/testing/withTimePassing.ts"
import { test } from "../support/tests.ts"

describe("withTimePassing", () => {
  test("gives what the effect gives, at most a step after it has ended", function*() {
    expect(yield* withTimePassing(Effect.delay(Effect.succeed("done"), "10 minutes"), { step: "1 second" })).toBe(
      "done"
    )
    expect(yield* Clock.currentTimeMillis).toBe(600_000)
    expect(yield* Effect.exit(withTimePassing(Effect.delay(Effect.fail("no"), "70 millis")))).toEqual(Exit.fail("no"))
    expect(yield* Clock.currentTimeMillis).toBe(600_100)
  })

  it.live("needs a TestClock, and says so", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(withTimePassing(Effect.sleep(1)))
      expect(String(Exit.isFailure(exit) && exit.cause)).toContain(
        "withTimePassing needs a TestClock: use it.effect, or"
      )
    }))

  test("moves no clock for an effect that ends at once", function*() {
    expect(yield* withTimePassing(Effect.succeed(1))).toBe(1)
    expect(yield* Clock.currentTimeMillis).toBe(0)
  })

  test("interrupts an effect that has not ended in time, and says so", function*() {
    let isInterrupted = false
    const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (isInterrupted = true)))
    const exit = yield* Effect.exit(withTimePassing(never, { step: "1 hour" }))
    expect(String(Exit.isFailure(exit) && exit.cause)).toContain("did not end within 86400000 virtual ms")
    expect(isInterrupted).toBe(true)
  })

  test("interrupts the effect when it is interrupted itself", function*() {
    let isInterrupted = false
    const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (isInterrupted = true)))
    const fiber = yield* Effect.forkChild(withTimePassing(never), { startImmediately: true })
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    expect(isInterrupted).toBe(true)
  })

  const wrong: ReadonlyArray<readonly [message: string, options: object]> = [
    ["step of withTimePassing must be longer than 0", { step: 0 }],
    ["atMost is not a duration: \"soon\"", { atMost: "soon" }],
    ["withTimePassing has no option \"steps\"", { steps: 1 }]
  ]
  it.each(wrong)("refuses at once: %s", (message, options) => {
    expect(() => withTimePassing(Effect.void, options as TimeOptions)).toThrow(message)
    expect(() => withTimePassing(Effect.void, options as TimeOptions)).toThrow(CacheError.CacheConfigError)
  })
})
