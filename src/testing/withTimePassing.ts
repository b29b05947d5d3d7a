/**
 * Advances virtual time while an effect runs.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { testing } from "../internal/defaults/options.ts"
import { checkOptions, mistake } from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"

/**
 * Options for {@link withTimePassing}.
 * @category options
 * @since 0.1.0
 */
export interface TimeOptions {
  /** The step by which the clock advances. The clock stops up to one step after the effect's end. @default 50 ms */
  readonly step?: Ttl.Input | undefined
  /** The maximum virtual time that may pass. Beyond it, the effect is interrupted and the test dies. @default 1 day */
  readonly atMost?: Ttl.Input | undefined
}

/**
 * Runs an effect, and advances virtual time until the effect has ended.
 *
 * **When to use**
 *
 * Use in a test with `TestClock` for an effect that sleeps, waits for a slow load or retries, if the exact time of its
 * end does not matter. While the effect waits for a real event (a file, a socket), much virtual time may pass.
 *
 * **Example** (Waiting for a slow load)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { withTimePassing } from "effect-cached/testing"
 * import { TestClock } from "effect/testing"
 *
 * const report = Effect.delay(Effect.succeed("written"), "1 minute").pipe(Cached.ttl("report", { ttl: "1 hour" }))
 * const program = withTimePassing(report).pipe(Effect.provide(CacheLayer.memory()), Effect.provide(TestClock.layer()))
 * await Effect.runPromise(program) // => "written"
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const withTimePassing = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: TimeOptions = {}
): Effect.Effect<A, E, R> => {
  checkOptions<TimeOptions>("withTimePassing", options, checks)
  const step = toMillis(options.step ?? testing.stepMillis, "step")
  const atMost = toMillis(options.atMost ?? testing.atMostMillis, "atMost")
  const passing = Effect.fnUntraced(function*(fiber: Fiber.Fiber<A, E>) {
    for (let passed = 0;; passed += step) {
      yield* settle
      if (fiber.pollUnsafe() !== undefined) return yield* Fiber.join(fiber)
      if (passed >= atMost) return yield* Effect.die(new Error(`The effect did not end within ${atMost} virtual ms`))
      yield* TestClock.adjust(step)
    }
  })
  return Effect.clockWith((clock) => {
    if (!("adjust" in clock)) {
      throw mistake("withTimePassing needs a TestClock: use it.effect, or provide TestClock.layer() outside of it")
    }
    return Effect.flatMap(Effect.forkChild(effect), (fiber) => Effect.ensuring(passing(fiber), Fiber.interrupt(fiber)))
  })
}

// Runs all work that does not wait for the clock, so that no lease or TTL expires in the middle of that work.
const settle = Effect.repeat(Effect.yieldNow, { times: 10 })

const positive = (name: string) => (given: Ttl.Input | undefined, of: string): void => {
  if (given === undefined || toMillis(given, name) > 0) return
  throw mistake(`${name} of ${of} must be longer than 0`)
}

const checks = { step: positive("step"), atMost: positive("atMost") }
