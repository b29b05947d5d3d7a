/** Ids that are held off after a failure. */
import { expect, it } from "@effect/vitest"
import type { Engine } from "../../../../src/internal/engine/engine.ts"
import { holdOff } from "../../../../src/internal/engine/request/throttle.ts"

it("P7 · ids that are held off and never read again are bounded, the oldest forgotten first", () => {
  const retryAt: Engine["retryAt"] = new Map()
  const engine = { retryAt } as unknown as Engine
  for (let i = 0; i < 10_010; i++) holdOff(engine, `id ${i}`, i, 1000)
  expect(retryAt.size).toBe(10_000)
  expect(retryAt.has("id 9")).toBe(false)
  expect(retryAt.has("id 10009")).toBe(true)
})
