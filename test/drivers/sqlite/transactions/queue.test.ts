/** Writes that come at once share the turns of the event loop. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scheduler } from "effect"
import { SeededScheduler } from "effect-cached/testing"
import * as Queue from "../../../../src/drivers/sqlite/transactions/queue.ts"
import { writeQueue as limits } from "../../../../src/internal/defaults/folders.ts"
import { test } from "../../../support/tests.ts"

/** A loop whose turns come on request, and a clock that advances by a millisecond with each run. */
const make = () => {
  let now = 0
  let tasks: Array<() => void> = []
  const dispatcher = { scheduleTask: (task: () => void) => void tasks.push(task), flush() {} }
  const runs: Array<ReadonlyArray<number>> = []
  const queue = Queue.make({
    now: () => now,
    dispatcher,
    laneOf: (operation: number): Queue.Lane => operation >= 20_000 ? "apart" : operation >= 10_000 ? "first" : "others",
    run: (operations: ReadonlyArray<number>) => {
      now++
      runs.push(operations)
      return operations.map((i) => i % 100 === 99 ? Exit.fail(i) : Exit.succeed(i))
    }
  })
  return {
    runs,
    write: (operation: number) => Queue.run(queue, operation),
    nextTurn() {
      const due = tasks
      tasks = []
      for (const task of due) task()
    }
  }
}

const range = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i)

const alone = limits.aloneMillis
const inOneTurn = alone + limits.turnMillis * limits.together

describe("writes that come at once", () => {
  test("are one by one, until a turn has taken some time: then in groups, in the order in which they came", function*() {
    const { nextTurn, runs, write } = make()
    const n = alone + limits.together + 3
    const all = yield* Effect.forkChild(
      Effect.forEach(range(n), (i) => Effect.exit(write(i)), { concurrency: "unbounded" })
    )
    yield* Effect.yieldNow
    expect(runs).toEqual(range(alone).map((i) => [i]))
    nextTurn()
    expect(runs.slice(alone)).toEqual([range(limits.together, alone), range(3, n - 3)])
    expect(yield* Fiber.join(all)).toEqual(range(n).map((i) => i === 99 ? Exit.fail(i) : Exit.succeed(i)))
  })

  test("go in front of others that wait, if they end what has waited before", function*() {
    const { nextTurn, runs, write } = make()
    const n = alone + limits.together
    const last = range(3, 10_000)
    const asked = [...range(n), ...last]
    const all = yield* Effect.forkChild(Effect.forEach(asked, write, { concurrency: "unbounded" }))
    yield* Effect.yieldNow
    nextTurn()
    expect(runs.slice(alone)).toEqual([[...last, ...range(limits.together - 3, alone)], range(3, n - 3)])
    expect(yield* Fiber.join(all)).toEqual(asked)
  })

  test("are in groups of their own if they may not share one, and neither kind waits for all of the other", function*() {
    const { nextTurn, runs, write } = make()
    const together = limits.together
    const asked = [...range(alone + 2 * together), ...range(2 * together, 20_000)]
    const all = yield* Effect.forkChild(
      Effect.forEach(asked, (i) => Effect.exit(write(i)), { concurrency: "unbounded" })
    )
    yield* Effect.yieldNow
    nextTurn()
    expect(runs.slice(alone)).toEqual([
      range(together, 20_000),
      range(together, alone),
      range(together, 20_000 + together),
      range(together, alone + together)
    ])
    expect(yield* Fiber.join(all)).toHaveLength(asked.length)
  })

  test("are as many a turn as fit into it, and the others are in the next ones", function*() {
    const { nextTurn, runs, write } = make()
    const n = inOneTurn + 10
    yield* Effect.forkChild(Effect.forEach(range(n), (i) => Effect.exit(write(i)), { concurrency: "unbounded" }))
    yield* Effect.yieldNow
    nextTurn()
    expect(runs.flat()).toEqual(range(inOneTurn))
    nextTurn()
    expect(runs.flat()).toEqual(range(n))
  })

  test("that are left hold up no other", function*() {
    const { nextTurn, runs, write } = make()
    const first = yield* Effect.forkChild(Effect.forEach(range(6), write, { concurrency: "unbounded" }))
    yield* Effect.yieldNow
    const last = yield* Effect.forkChild(write(6))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(first)
    nextTurn()
    expect(runs.flat()).toEqual([...range(alone), 6])
    yield* Fiber.join(last)
  })

  test("do not wait where a turn has just begun", function*() {
    const { nextTurn, runs, write } = make()
    yield* write(0)
    nextTurn()
    nextTurn()
    yield* write(1)
    expect(runs).toEqual([[0], [1]])
  })

  it("are all done, wherever their fibers yield", () => {
    for (let seed = 0; seed < 50; seed++) {
      let now = 0
      const { exit } = SeededScheduler.make({ seed, yieldChance: 0.2 }).run(Effect.gen(function*() {
        const queue = Queue.make({
          now: () => now++,
          dispatcher: (yield* Scheduler.Scheduler).makeDispatcher(),
          laneOf: () => "others",
          run: (operations: ReadonlyArray<number>) => operations.map((i) => Exit.succeed(i))
        })
        const each = (i: number) => Effect.andThen(Effect.yieldNow, Queue.run(queue, i))
        return yield* Effect.forEach(range(5), each, { concurrency: "unbounded" })
      }))
      expect(exit, `seed ${seed}`).toEqual(Exit.succeed(range(5)))
    }
  })
})
