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

/** Paragraphs, rows and items, with the line of each. */
const paragraphsOf = (page: string): ReadonlyArray<readonly [line: number, text: string]> => {
  const text = readFileSync(join(root, page), "utf8")
    .replace(/^```[\s\S]*?^```/gm, (code) => code.replace(/[^\n]/g, ""))
  return text.split("\n").map((line, index) => [index + 1, line] as const)
}

describe("English", () => {
  it.each(pages)("%s", (page) => {
    const complaints = paragraphsOf(page).flatMap(([line, text]) =>
      complaintsOf(text, { isComment: false }).map((complaint) => `${page}:${line}: ${complaint}`)
    )
    expect(complaints.join("\n")).toBe("")
  })
})
