/** The scheduler that seeded schedules run under: time that jumps, races by dice, priorities kept. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SeededScheduler from "../../src/testing/SeededScheduler.ts"

describe("SeededScheduler", () => {
  const sleeping = (millis: number, order: Array<number>) =>
    Effect.andThen(Effect.sleep(millis), Effect.sync(() => order.push(millis)))

  it("jumps from deadline to deadline", () => {
    const order: Array<number> = []
    const { fibers, millis } = SeededScheduler.make({ seed: 1 }).run(
      Effect.all([sleeping(3_600_000, order), sleeping(5, order), sleeping(70, order)], { concurrency: "unbounded" })
    )
    assert.deepStrictEqual(order, [5, 70, 3_600_000])
    assert.strictEqual(millis, 3_600_000)
    assert.strictEqual(fibers, 0)
  })

  it("lets all that is due race", () => {
    const orders = new Set(Array.from({ length: 50 }, (_, seed) => {
      const order: Array<string> = []
      const racer = (name: string) => Effect.andThen(Effect.sleep(10), Effect.sync(() => order.push(name)))
      SeededScheduler.make({ seed }).run(Effect.all(["a", "b", "c"].map(racer), { concurrency: "unbounded" }))
      return order.join("")
    }))
    assert.strictEqual(orders.size, 6)
  })

  it("keeps priorities", () => {
    for (let seed = 0; seed < 50; seed++) {
      const order: Array<number> = []
      const at = (priority: number) =>
        Effect.andThen(Effect.yieldNowWith(priority), Effect.sync(() => order.push(priority)))
      SeededScheduler.make({ seed, yieldChance: 0 }).run(
        Effect.all([at(2), at(1), at(0)], { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(order, [0, 1, 2])
    }
  })

  it("says what never ends", () => {
    const waiting = SeededScheduler.make({ seed: 1 }).run(Effect.never)
    assert.isUndefined(waiting.exit)
    assert.strictEqual(waiting.fibers, 1)
    const running = SeededScheduler.make({ seed: 1, maxTasks: 1000 }).run(Effect.forever(Effect.yieldNow))
    assert.isUndefined(running.exit)
  })

  it.each<readonly [message: RegExp, options: object]>([
    [/seed must be a whole number/, {}],
    [/seed must be a whole number/, { seed: 1.5 }],
    [/no option "yeildChance"/, { seed: 1, yeildChance: 1 }],
    [/yieldChance must be between 0 and 1/, { seed: 1, yieldChance: 7 }],
    [/maxTasks must be at least 1/, { seed: 1, maxTasks: -1 }]
  ])("refuses what makes no sense: %s", (message, options) => {
    assert.throws(() => SeededScheduler.make(options as never).run(Effect.void), message)
  })
})
