/** Groups of a bulk call's flights: how many ask the store at once follows from how fast the store answers. */
import { expect } from "@effect/vitest"
import { Clock, Effect, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { groups as limits } from "../../../../src/internal/defaults/bounds.ts"
import * as Groups from "../../../../src/internal/engine/batch/groups.ts"
import type { Flight } from "../../../../src/internal/engine/state.ts"
import { test } from "../../../support/tests.ts"

/** The sizes of the groups in which flights ask a store that answers each so many milliseconds after it was asked. */
const groupsOf = (flights: number, answersAfter: (place: number) => number) =>
  Effect.gen(function*() {
    const groups = Groups.make()
    const clock = yield* Clock.Clock
    const turning = { clock, dispatcher: new Scheduler.MixedScheduler().makeDispatcher() }
    const inside: Array<{ readonly flight: Flight; readonly at: number }> = []
    const sizes: Array<number> = []
    let entered = 0
    let hasEnded = false
    groups.forEach(Array.from({ length: flights }, (_, i) => ({ i }) as unknown as Flight), turning, (flight) => {
      groups.entered(flight)
      inside.push({ flight, at: clock.currentTimeMillisUnsafe() + answersAfter(entered++) })
    }, () => {
      hasEnded = true
    })
    for (let before = 0; inside.length > 0;) {
      if (entered > before) sizes.push(entered - before)
      before = entered
      yield* TestClock.adjust(1)
      const now = clock.currentTimeMillisUnsafe()
      const answered = inside.filter(({ at }) => at <= now)
      inside.splice(0, inside.length, ...inside.filter(({ at }) => at > now))
      for (const { flight } of answered) groups.left(flight)
      turning.dispatcher.flush()
    }
    expect(hasEnded).toBe(true)
    return sizes
  })

test("grow for a store that is far away, and answers all of a group at once", function*() {
  const sizes = yield* groupsOf(6 * limits.first, () => 200)
  expect(sizes.length).toBeLessThanOrEqual(5)
  expect(Math.max(...sizes)).toBeGreaterThan(limits.first)
})

test("grow although the second half of a group is answered when the next group has asked", function*() {
  const half = limits.first / 2
  const sizes = yield* groupsOf(8 * limits.first, (place) => place % limits.first < half ? 100 : 150)
  expect(Math.min(...sizes)).toBe(limits.first)
})

test("shrink for a store that answers one after the other", function*() {
  const sizes = yield* groupsOf(6 * limits.first, (place) => place + 1)
  expect(Math.max(...sizes)).toBe(limits.first)
})
