/** Every export of a file is used. */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { needlessExports } from "./exports.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-cached-exports-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const files = {
  "src/Public.ts": `
    import { used } from "./internal/part.ts"
    import * as Named from "./internal/named.ts"
    export * from "./cached/whole.ts"
    export { some } from "./cached/some.ts"
    export const unread = [used, Named.read, import("./internal/later.ts")]`,
  "src/cached/whole.ts": "export const all = 1",
  "src/cached/some.ts": "export const some = 1\nexport const other = 2",
  "src/internal/part.ts": "export const used = 1\nexport const needless = 2\nexport type Needless = 3",
  "src/internal/named.ts": "export const read = 1\nexport const needless = 2",
  "src/internal/later.ts": "export const later = 1",
  "src/internal/tested.ts": "export const tested = 1",
  "test/part.test.ts": `import { tested } from "../src/internal/tested.ts"\nexport const test = tested`
}

describe("exports", () => {
  it("that are not used are found", () => {
    for (const [file, code] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), code)
    }
    expect(needlessExports(folder).toSorted()).toEqual([
      "src/cached/some.ts: other",
      "src/internal/named.ts: needless",
      "src/internal/part.ts: Needless",
      "src/internal/part.ts: needless"
    ])
  })

  it("of this repository are all read", () => {
    expect(needlessExports(resolve(import.meta.dirname, "../.."))).toEqual([])
  })
})
