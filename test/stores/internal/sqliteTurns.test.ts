/** Writes that come at once share the turns of the event loop. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { sqliteTurns as limits } from "../../../src/internal/defaults.ts"
import * as Turns from "../../../src/stores/internal/sqliteTurns.ts"

/** A loop whose turns come when they are told to, and a clock that goes on with each write. */
const make = () => {
  let now = 0
  let tasks: Array<() => void> = []
  const dispatcher = { scheduleTask: (task: () => void) => void tasks.push(task), flush() {} }
  const turns = Turns.make(() => now, dispatcher)
  const done: Array<number> = []
  return {
    done,
    /** takes 4 ms */
    write: (i: number) =>
      turns.share(Effect.sync(() => {
        now += 4
        done.push(i)
      })),
    nextTurn() {
      const due = tasks
      tasks = []
      for (const task of due) task()
    },
    pass: (millis: number) => now += millis
  }
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

describe("writes that come at once", () => {
  it.effect("are as many a turn as fit into it, in the order in which they came", () =>
    Effect.gen(function*() {
      const { done, nextTurn, write } = make()
      const all = yield* Effect.forkChild(Effect.forEach(range(8), write, { concurrency: "unbounded" }))
      yield* Effect.yieldNow
      expect(done).toEqual([0, 1, 2])
      nextTurn()
      expect(done).toEqual(range(6))
      nextTurn()
      expect(done).toEqual(range(8))
      yield* Fiber.join(all)
    }))

  it.effect("wait for so long at most: then all that are due go on", () =>
    Effect.gen(function*() {
      const { done, nextTurn, pass, write } = make()
      const all = yield* Effect.forkChild(Effect.forEach(range(50), write, { concurrency: "unbounded" }))
      yield* Effect.yieldNow
      pass(limits.waitMillis)
      nextTurn()
      expect(done).toEqual(range(50))
      yield* Fiber.join(all)
    }))

  it.effect("that are left hold up nobody", () =>
    Effect.gen(function*() {
      const { done, nextTurn, write } = make()
      const first = yield* Effect.forkChild(Effect.forEach(range(6), write, { concurrency: "unbounded" }))
      yield* Effect.yieldNow
      const last = yield* Effect.forkChild(write(6))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(first)
      nextTurn()
      expect(done).toEqual([0, 1, 2, 6])
      yield* Fiber.join(last)
    }))

  it.effect("do not wait where a turn has just begun", () =>
    Effect.gen(function*() {
      const { done, nextTurn, write } = make()
      yield* write(0)
      nextTurn()
      nextTurn()
      yield* write(1)
      expect(done).toEqual([0, 1])
    }))
})
