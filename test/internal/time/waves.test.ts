/** Long lists are sent in waves, which grow while a store that is near answers quickly. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { forEachWave } from "../../../src/internal/time/waves.ts"
import { test } from "../../support/tests.ts"

const list = Array.from({ length: 5000 }, (_, i) => i)

/** The sizes of the waves over a store that carries out one request after another, each in some time. */
const sizesOver = (millis: number, most?: number) =>
  Effect.gen(function*() {
    const sizes: Array<number> = []
    const sent: Array<number> = []
    const busy = Semaphore.makeUnsafe(1)
    const sending = yield* Effect.forkChild(forEachWave(list, (wave) => {
      sizes.push(wave.length)
      sent.push(...wave)
      return busy.withPermits(1)(Effect.sleep(millis))
    }, most))
    while (sending.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
    yield* Fiber.join(sending)
    expect(sent).toEqual(list)
    return sizes
  })

describe("waves", () => {
  test("grow while a store answers quickly, up to what the caller allows", function*() {
    expect(yield* sizesOver(2, 1024)).toEqual([256, 256, 256, 512, 1024, 1024, 1024, 648])
    expect((yield* sizesOver(2)).every((size) => size <= 256)).toBe(true)
    expect((yield* sizesOver(30, 1024)).every((size) => size <= 256)).toBe(true)
  })
})
