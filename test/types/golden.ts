/** Texts of the compiler, compared with a file. */
import { expect } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"

/** Compares a text with a file, or writes the file (`UPDATE_DOCS=1`). */
export const compare = (text: string, file: string): void => {
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, text)
  expect(text).toBe(readFileSync(file, "utf8"))
}
