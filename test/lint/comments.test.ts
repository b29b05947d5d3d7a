/** The sources have few comments: one that says what the next line says goes. */
import { expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const sources = resolve(import.meta.dirname, "../../src")
const mostLines = 12_000

const commentLines = (text: string): number => {
  let count = 0
  for (const [comment] of text.matchAll(/^\s*(\/\*[^]*?\*\/|\/\/.*$)/gm)) count += comment.trim().split("\n").length
  return count
}

it(`the sources have at most ${mostLines} lines of comments`, () => {
  const files = globSync("**/*.ts", { cwd: sources })
  const lines = files.map((file) => commentLines(readFileSync(join(sources, file), "utf8")))
  expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(mostLines)
})
