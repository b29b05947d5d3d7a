/** The sources have few comments: one that says what the next line says goes. */
import { expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const sources = resolve(import.meta.dirname, "../../src")
/** The ratio at which the sources had 12,000 lines of comments, so that new modules need not take them from others. */
const mostPerLineOfCode = 0.272

const linesOf = (text: string): { readonly code: number; readonly comments: number } => {
  let comments = 0
  for (const [comment] of text.matchAll(/^\s*(\/\*[^]*?\*\/|\/\/.*$)/gm)) comments += comment.trim().split("\n").length
  return { code: text.split("\n").filter((line) => line.trim() !== "").length - comments, comments }
}

it(`the sources have at most ${mostPerLineOfCode} lines of comments for each line of code`, () => {
  const lines = globSync("**/*.ts", { cwd: sources }).map((file) => linesOf(readFileSync(join(sources, file), "utf8")))
  const code = lines.reduce((sum, file) => sum + file.code, 0)
  const comments = lines.reduce((sum, file) => sum + file.comments, 0)
  expect(comments).toBeLessThanOrEqual(mostPerLineOfCode * code)
})
