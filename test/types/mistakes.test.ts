/** The compiler's messages for the most common mistakes, as text. */
import { expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { compare } from "./golden.ts"

const folder = join(import.meta.dirname, "mistakes")
const root = resolve(import.meta.dirname, "../..")

it("each mistake is named in the first line, beside a key of a class and beside a string", { timeout: 300_000 }, () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  // In one thread, so that it meets types, and so names them, always in the same order.
  const args = [tsc, "-p", ".", "--pretty", "false", "--singleThreaded"]
  const run = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" })
  expect(run.stderr).toBe("")
  compare(run.stdout, join(folder, "messages.txt"))
  for (const file of globSync("*-*.ts", { cwd: folder })) expect(run.stdout).toContain(`${file}(`)
  expect(run.stdout).not.toContain("given.ts(")
  // A use of the result of a mistake is no mistake.
  expect(run.stdout.match(/^25-/gm)).toHaveLength(12)
  expect(run.stdout).not.toContain("Effect<unknown, unknown, unknown>")
  expect(run.stdout).not.toContain("No overload matches this call")
  for (const file of ["26-the-first-line.ts", "27-the-first-line-of-others.ts"]) {
    expect(firstLines(run.stdout, file)).toEqual(expectedIn(file))
  }
})

/** The first line of the first message about each line of a file, by the number of that line. */
const firstLines = (text: string, file: string) =>
  Object.fromEntries(
    text.split("\n").flatMap((one) => {
      const [, line, message] = /^[^(]+\((\d+),\d+\): (.*)$/.exec(one) ?? []
      return one.startsWith(`${file}(`) ? [[line!, message!]] : []
    }).toReversed()
  )

/** The words of each comment `Says …`, for the line below it. */
const expectedIn = (file: string) =>
  Object.fromEntries(
    readFileSync(join(folder, file), "utf8").split("\n").flatMap((one, i) => {
      const [, words] = /^\/\/ .*\. Says (.+)$/.exec(one) ?? []
      return words === undefined ? [] : [[String(i + 2), expect.stringContaining(words)]]
    })
  )
