/** Folders that cannot be made, and programs whose working directory is gone. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { makeFolder } from "../../src/drivers/shared/folderTrust.ts"
import { programOf } from "../support/program.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

/** The answer of the process. A process that never ends is killed, and gives none. */
const outcome = (what: string) =>
  Effect.gen(function*() {
    const directory = yield* tempDirectory
    const program = yield* Effect.promise(() => programOf(join(import.meta.dirname, "../support/unusableFolders.ts")))
    const { signal, stderr, stdout } = spawnSync(process.execPath, ["--no-warnings", program, what, directory], {
      encoding: "utf8",
      timeout: 20_000,
      killSignal: "SIGKILL"
    })
    expect({ signal, stderr }).toMatchObject({ signal: null, stderr: "" })
    return JSON.parse(stdout.slice(stdout.lastIndexOf("\n") + 1)) as unknown
  })

const ways = [
  "disk",
  "files",
  "lock",
  "guards",
  "disk, to look at",
  "files, to look at",
  "the layer of disk",
  "the layer of files"
]

describe("a folder that cannot be made", () => {
  test("fails whatever opens it, where its parent can hold nothing", function*() {
    const outcomes = (yield* outcome("in a parent that can hold nothing")) as ReadonlyArray<[string, string]>
    expect(outcomes.map(([name]) => name)).toEqual(ways)
    for (const [name, failure] of outcomes) {
      expect(failure, name).toMatch(/^(Store|Lock)Error: .*ENOENT|there is no cache/)
    }
  })

  test("fails no read of a program that runs, nor stops it", function*() {
    const both = (answer: string) => [answer, answer]
    expect(yield* outcome("gone while the program runs")).toEqual([both("before"), both("after"), both("before")])
  })

  test("names what is in its way", function*() {
    const directory = yield* tempDirectory
    fs.writeFileSync(join(directory, "file"), "")
    fs.symlinkSync(join(directory, "nothing"), join(directory, "link"))
    for (const name of ["file", "link"]) {
      for (const path of [name, `${name}/cache`, `${name}/a/b/cache`]) {
        expect(() => makeFolder(join(directory, path), false)).toThrow(new RegExp(`mkdir '${directory}/${name}`))
      }
    }
    makeFolder(join(directory, "a/b/c"), false)
    fs.symlinkSync(join(directory, "a"), join(directory, "other"))
    makeFolder(join(directory, "other/b/d"), false)
    expect(fs.readdirSync(join(directory, "a/b"))).toEqual(["c", "d"])
  })
})

describe("a relative directory without a working directory", () => {
  test("fails whatever opens it, so that a cache in memory may replace it", function*() {
    const { instead, opened } = (yield* outcome("without a working directory")) as {
      readonly opened: ReadonlyArray<[string, string]>
      readonly instead: ReadonlyArray<string>
    }
    expect(opened.map(([name]) => name)).toEqual(ways)
    for (const [name, failure] of opened) expect(failure, name).toMatch(/^(Store|Lock)Error: .*\.cache\/weather/)
    expect(instead).toEqual(["instead", "instead"])
  })
})
