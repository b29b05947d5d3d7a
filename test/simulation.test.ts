import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SeededScheduler from "../src/testing/SeededScheduler.ts"
import { faults } from "./deliberateFaults/engine.ts"
import { findFault } from "./simulation/findFault.ts"
import { simulate } from "./simulation/simulate.ts"
import { type Failure, sweep } from "./simulation/sweep.ts"

/** blocks, so that the test runner hears of us in between */
const sweepAll = async (seeds: number): Promise<ReadonlyArray<Failure>> => {
  const failures: Array<Failure> = []
  for (let from = 1; from <= seeds; from += 100) {
    failures.push(...sweep({ from, to: Math.min(from + 100, seeds + 1) }).failures)
    await new Promise((resume) => setImmediate(resume))
  }
  return failures
}

describe("seeded schedules", () => {
  it("keep P1 to P7 over every kind of store", async () => {
    assert.deepStrictEqual(await sweepAll(2000), [])
  }, 120_000)

  it("give the same log for the same seed", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const [one, other]: [Array<string>, Array<string>] = [[], []]
      simulate({ seed, log: one })
      simulate({ seed, log: other })
      assert.deepStrictEqual(one, other)
      assert.isAbove(one.length, 10)
    }
  })

  it("give other logs for other seeds", () => {
    const logs = new Set(Array.from({ length: 50 }, (_, seed) => {
      const log: Array<string> = []
      simulate({ seed, log })
      return log.join("\n")
    }))
    assert.strictEqual(logs.size, 50)
  })
})

describe("deliberate faults", () => {
  it.concurrent.each(faults)("$name: is found", async (fault) => {
    assert.isDefined(await findFault(fault, 6000))
  }, 120_000)
})

describe("SeededScheduler", () => {
  const sleeping = (millis: number, order: Array<number>) =>
    Effect.andThen(Effect.sleep(millis), Effect.sync(() => order.push(millis)))

  it("jumps from deadline to deadline", () => {
    const order: Array<number> = []
    const { fibers, millis } = SeededScheduler.run(
      Effect.all([sleeping(3_600_000, order), sleeping(5, order), sleeping(70, order)], { concurrency: "unbounded" }),
      { seed: 1 }
    )
    assert.deepStrictEqual(order, [5, 70, 3_600_000])
    assert.strictEqual(millis, 3_600_000)
    assert.strictEqual(fibers, 0)
  })

  it("lets all that is due race", () => {
    const orders = new Set(Array.from({ length: 50 }, (_, seed) => {
      const order: Array<string> = []
      const racer = (name: string) => Effect.andThen(Effect.sleep(10), Effect.sync(() => order.push(name)))
      SeededScheduler.run(Effect.all(["a", "b", "c"].map(racer), { concurrency: "unbounded" }), { seed })
      return order.join("")
    }))
    assert.strictEqual(orders.size, 6)
  })

  it("keeps priorities", () => {
    for (let seed = 0; seed < 50; seed++) {
      const order: Array<number> = []
      const at = (priority: number) =>
        Effect.andThen(Effect.yieldNowWith(priority), Effect.sync(() => order.push(priority)))
      SeededScheduler.run(Effect.all([at(2), at(1), at(0)], { concurrency: "unbounded" }), { seed, yieldChance: 0 })
      assert.deepStrictEqual(order, [0, 1, 2])
    }
  })

  it("says what never ends", () => {
    const waiting = SeededScheduler.run(Effect.never, { seed: 1 })
    assert.isUndefined(waiting.exit)
    assert.strictEqual(waiting.fibers, 1)
    const running = SeededScheduler.run(Effect.forever(Effect.yieldNow), { seed: 1, maxTasks: 1000 })
    assert.isUndefined(running.exit)
  })
})
