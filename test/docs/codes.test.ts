/** `test/CODES.md` explains every code in a test's name, and no other. */
import { expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const folder = resolve(import.meta.dirname, "..")
const read = (file: string): string => readFileSync(join(folder, file), "utf8")

/** Codes of promises and faults, and of features: two letters and a number. */
const codes = /\b(?:[PF]\d{1,2}|[A-Z]{2}-\d{2})\b/g

it("every code in the tests has a line in CODES.md, and every line is a code in the tests", () => {
  const used = new Set(
    globSync("**/*{.test,Tests}.ts", { cwd: folder }).flatMap((file) => read(file).match(codes) ?? [])
  )
  const explained = Array.from(read("CODES.md").matchAll(/^\| ([A-Z]+-?\d+) \| [A-Z].*\. \|$/gm), ([, code]) => code!)
  expect(new Set(explained).size).toBe(explained.length)
  expect(explained.toSorted()).toEqual([...used].toSorted())
})
