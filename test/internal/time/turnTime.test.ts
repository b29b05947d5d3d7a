/** Operations that share the time of a turn of the event loop. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scheduler } from "effect"
import { SeededScheduler } from "effect-cached/testing"
import * as TurnTime from "../../../src/internal/time/turnTime.ts"
import { slowly } from "../../support/slowly.ts"
import { test } from "../../support/tests.ts"

describe("the time of a turn", () => {
  it("is waited for by no operation for ever, wherever its fiber yields", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { exit } = SeededScheduler.make({ seed, yieldChance: 0.2 }).run(Effect.gen(function*() {
        const clock = yield* slowly(3)
        const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
        const turns = TurnTime.make({ clock, dispatcher })
        const each = Effect.andThen(Effect.yieldNow, TurnTime.pass(turns))
        yield* Effect.forEach(Array.from({ length: 5 }), () => each, { concurrency: "unbounded" })
        return "ended"
      }))
      expect(exit, `seed ${seed}`).toEqual(Exit.succeed("ended"))
    }
  })

  test("goes to those that wait, in order, before others, and to none that was interrupted", function*() {
    const turns = TurnTime.make({
      clock: yield* slowly(1),
      dispatcher: (yield* Scheduler.Scheduler).makeDispatcher()
    })
    const passed: Array<number> = []
    const pass = (i: number) => Effect.andThen(TurnTime.pass(turns), Effect.sync(() => passed.push(i)))
    const range = Array.from({ length: 30 }, (_, i) => i)
    const fibers = yield* Effect.forEach(range, (i) => Effect.forkChild(pass(i), { startImmediately: true }))
    const first = passed.length
    expect(first).toBeLessThan(10)
    yield* Fiber.interrupt(fibers[20]!)
    yield* pass(30)
    expect(passed).toEqual([...range, 30].filter((i) => i !== 20))
  })
})
