/** The laws of stores on a busy machine: an operation that is late once breaks none, and lateness excuses no store. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { storeLaws, withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { test } from "../support/tests.ts"

/** A store whose operations call `before` first. */
const busy = (store: Store.Store, before: Effect.Effect<void>): Store.Store =>
  new Proxy(store, {
    get: (of, name) => {
      const value = of[name as keyof Store.Store] as unknown
      if (Effect.isEffect(value)) return Effect.andThen(before, value as Effect.Effect<unknown>)
      if (typeof value !== "function" || /Unsafe$|Callback$|Millis$|^isWhole$|^scan/.test(String(name))) return value
      return (...args: Array<unknown>) =>
        Effect.andThen(before, Effect.suspend(() => value.apply(of, args) as Effect.Effect<unknown>))
    }
  })

describe("the laws of stores", () => {
  for (const at of [2, 3, 4, 6]) {
    describe(`hold if operation ${at} is late by 2.5 seconds`, () => {
      let calls = 0
      const late = Effect.suspend(() => ++calls === at ? TestClock.adjust("2500 millis") : Effect.void)
      const make = Effect.sync(() => busy(MemoryStore.make(), late))
      for (const law of storeLaws(make)) {
        it.effect(law.name, () => {
          calls = 0
          return withTimePassing(law.run)
        })
      }
    })
  }

  test("are broken by a store that is always late, and wrong", function*() {
    const make = Effect.sync(() => {
      const store = busy(MemoryStore.make(), TestClock.adjust("150 millis"))
      return new Proxy(store, {
        get: (of, name) => name === "release" ? () => Effect.succeed(true) : of[name as keyof Store.Store]
      })
    })
    const law = storeLaws(make).find(({ name }) => name.startsWith("a failure is kept for its second"))!
    expect(Exit.isFailure(yield* Effect.exit(withTimePassing(law.run)))).toBe(true)
  })
})
