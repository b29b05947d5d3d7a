/** Tables of pages that tests write: each stands between `<!-- its title -->` and `<!-- end -->`. */
import { expect } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

const fillRegion = (text: string, title: string, table: string): string => {
  const start = `<!-- ${title} -->\n`
  expect(text).toContain(start)
  const at = text.indexOf(start) + start.length
  return `${text.slice(0, at)}\n${table}\n\n${text.slice(text.indexOf("<!-- end -->", at))}`
}

/** The page has these tables: otherwise `UPDATE_DOCS=1` writes them. */
export const expectRegions = (page: string, tables: Readonly<Record<string, string>>): void => {
  const file = resolve(root, page)
  const text = readFileSync(file, "utf8")
  const updated = Object.entries(tables).reduce((text, [title, table]) => fillRegion(text, title, table), text)
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, updated)
  else expect(text).toBe(updated)
}

/** Lists of texts that fit into a cell of a table. */
export const cellsOf = (texts: ReadonlyArray<string>, separator: string): ReadonlyArray<string> => {
  const cells: Array<string> = []
  for (const text of texts) {
    const longer = `${cells.at(-1)}${separator}${text}`
    if (cells.length === 0 || longer.length > 300) cells.push(text)
    else cells[cells.length - 1] = longer
  }
  return cells
}
