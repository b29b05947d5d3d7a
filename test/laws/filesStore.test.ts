/** The laws of stores hold for files. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as FilesStore from "effect-cached/stores/FilesStore"
import { storeLaws } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import { tempDirectory } from "../support/tempDirectory.ts"

/** Lets virtual time pass for as long as the effect needs it. */
const withTimePassing = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("50 millis")
    return yield* Fiber.join(fiber)
  })

const isDraft = (name: string) => name.endsWith(".tmp")

const files = Effect.gen(function*() {
  const directory = yield* tempDirectory
  yield* Effect.addFinalizer(() => Effect.sync(() => expect(fs.readdirSync(directory).filter(isDraft)).toEqual([])))
  return yield* FilesStore.make({ directory })
})

describe("the laws of stores hold for files", () => {
  for (const law of storeLaws<unknown>(files)) it.effect(law.name, () => withTimePassing(law.run))
})
