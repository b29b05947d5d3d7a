/** The laws of stores hold for files. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { FilesStore } from "effect-cached/files"
import { storeLaws, withTimePassing } from "effect-cached/testing"
import * as fs from "node:fs"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const isDraft = (name: string) => name.endsWith(".tmp")

const files = Effect.gen(function*() {
  const directory = yield* tempDirectory
  yield* Effect.addFinalizer(() => Effect.sync(() => expect(fs.readdirSync(directory).filter(isDraft)).toEqual([])))
  return yield* storeFrom(FilesStore.layer({ directory }))
})

describe("the laws of stores hold for files", () => {
  for (const law of storeLaws<unknown>(files)) it.effect(law.name, () => withTimePassing(law.run))
})
