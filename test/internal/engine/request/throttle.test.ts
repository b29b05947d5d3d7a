/** Ids that are held off after a failure. */
import { expect, it } from "@effect/vitest"
import { noReadDefaults } from "../../../../src/internal/defaults/options.ts"
import type { Engine } from "../../../../src/internal/engine/engine.ts"
import { holdOff, isThrottled } from "../../../../src/internal/engine/request/throttle.ts"
import type { Request } from "../../../../src/internal/engine/state.ts"

it("P7 · ids that are held off and never read again are bounded, the oldest forgotten first", () => {
  const retryAt: Engine["retryAt"] = new Map()
  const engine = { retryAt } as unknown as Engine
  for (let i = 0; i < 10_010; i++) holdOff(engine, `id ${i}`, i, 1000)
  expect(retryAt.size).toBe(10_000)
  expect(retryAt.has("id 9")).toBe(false)
  expect(retryAt.has("id 10009")).toBe(true)
})

it("a pause ends, and a longer one replaces it", () => {
  const request = { rules: { defaults: noReadDefaults, retryAfterMillis: 1 } } as Request
  const engine = { retryAt: new Map(), readDefaults: noReadDefaults } as unknown as Engine
  holdOff(engine, "a", 100_000, 1000)
  holdOff(engine, "a", 100_500, 2000)
  holdOff(engine, "a", 100_500, 1000)
  expect(isThrottled(engine, request, "a", 102_499)).toBe(true)
  expect(isThrottled(engine, request, "a", 102_500)).toBe(false)
})
