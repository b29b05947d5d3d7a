/** Two processes on a folder of plain files, which `Store.makeSync` makes a store of: they share tags. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { plainFiles } from "../../support/lastingStorages.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const program = join(import.meta.dirname, "../../support", "plainFilesProcess.ts")

const run = (directory: string, begin: number) =>
  Effect.promise(() =>
    new Promise<string>((resolve, reject) => {
      const parameters = [
        "--conditions=effect-cached-source",
        "--no-warnings",
        program,
        directory,
        "600",
        String(begin)
      ]
      execFile(process.execPath, parameters, (error, output) => error === null ? resolve(output) : reject(error))
    })
  )

describe("two processes on a folder of plain files", () => {
  test.live("make each marker once, see each other's invalidations, and leave no draft", function*() {
    const directory = yield* tempDirectory
    const storage = plainFiles(directory)
    const store = yield* storage.open
    const invalidated = Array.from({ length: 200 }, (_, i) => `tag ${3 * i}`)
    const before = yield* store.markers(invalidated)
    const begin = Date.now() + 2000
    const [one, other] = yield* Effect.all([run(directory, begin), run(directory, begin)], { concurrency: 2 })
    expect(one.split("\n")).toHaveLength(400)
    expect(other).toBe(one)
    const after = yield* store.markers(invalidated)
    const half = ({ version }: { readonly version: string }) => version.slice(0, 12)
    expect(after.markers.filter((marker, i) => half(marker) === half(before.markers[i]!))).toEqual([])
    expect(after.markers.every(({ seq }) => seq > before.seq)).toBe(true)
    expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([])
  })
})
