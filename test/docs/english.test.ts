/** The pages are in plain English: none of the wording that `test/lint/english.js` lists. */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { complaintsOf } from "../lint/english.js"

const root = resolve(import.meta.dirname, "../..")
const pages = globSync(["*.md", "docs/**/*.md", "test/**/*.md", "examples/**/*.md"], {
  cwd: root,
  exclude: ["**/node_modules/**", "test/.docs/**"]
})

/** Lines of text and of code blocks: the latter without the code around their comments and strings. */
const linesOf = (page: string): ReadonlyArray<readonly [line: number, text: string]> => {
  let isCode = false
  return readFileSync(join(root, page), "utf8").split("\n").flatMap((line, index) => {
    const isFence = line.startsWith("```")
    if (isFence) isCode = !isCode
    if (isFence) return []
    return (isCode ? textsOfCode(line) : [line]).map((text) => [index + 1, text] as const)
  })
}

const textsOfCode = (line: string): ReadonlyArray<string> => [
  ...Array.from(line.matchAll(/"([^"]*)"/g), ([, text]) => text!),
  ...Array.from(line.matchAll(/\/\/ (?!=>)(.*)/g), ([, text]) => text!)
]

describe("English", () => {
  it.each(pages)("%s", (page) => {
    const complaints = linesOf(page).flatMap(([line, text]) =>
      complaintsOf(text, { isComment: false }).map((complaint) => `${page}:${line}: ${complaint}`)
    )
    expect(complaints.join("\n")).toBe("")
  })
})
