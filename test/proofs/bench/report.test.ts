/** The page of the benchmarks keeps what was not measured now, and each check is in one of its tables. */
import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { checks } from "./checks.ts"
import { page, tablesOfRatios } from "./report.ts"

const former = readFileSync(join(resolve(import.meta.dirname, "../../.."), "docs/benchmarks.md"), "utf8")
const linesOf = (text: string): ReadonlySet<string> => new Set(text.split("\n"))
const changed = (results: Parameters<typeof page>[0]): ReadonlyArray<string> =>
  [...linesOf(page(results, former))].filter((line) => !linesOf(former).has(line))

describe("docs/benchmarks.md", () => {
  it("stays as it is where nothing was measured", () => expect(page({}, former)).toBe(former))

  it("has a new ratio, with its limit if it is over, and keeps the rest", () => {
    const measured = (ratio: number) => [{ "Cached.sliding": ratio, "Cached.maxHits": 1, "Cached.ttl": 1 }]
    expect(changed({ strategies: measured(1.11) })).toEqual([
      "| Hit of `Cached.sliding` | Cached.ttl | 1.11 |",
      "| Hit of `Cached.maxHits` | Cached.ttl | 1.00 |"
    ])
    expect(changed({ strategies: measured(1.3) })[0]).toBe(
      "| Hit of `Cached.sliding` | Cached.ttl | 1.30 (limit 1.2) |"
    )
  })

  it("has a row that is measured for the first time", () => {
    const row = /^\| 10,000 callers, one load .*\n/m
    const without = former.replace(row, "")
    expect(page({}, without)).toBe(without)
    const measured = { cold: [{ "Cached.ttl": 0.4, "Effect Cache.get": 1 }] }
    expect(page(measured, without)).toBe(page(measured, former))
    expect(row.exec(page(measured, without))?.[0]).toBe("| 10,000 callers, one load | Effect Cache.get | 0.40 |\n")
  })

  it("has the numbers of single subjects", () => {
    expect(changed({ memory: [{ Map: 99 }] })).toEqual(["| Map | 99 |"])
    expect(changed({ formatBytes: [{ Cbor: 99_000 }] })).toEqual([
      expect.stringMatching(/^\| Cbor \| cborg and the schema \|.* \| 99 \| 138 \|$/)
    ])
  })

  it("has each case in one table", () => {
    const own = ["sizes", "formats", "loads", "served", "memory", "traces"]
    const shown = [...Object.values(tablesOfRatios).flat(), ...own]
    expect(shown.toSorted()).toEqual([...new Set(checks.map((check) => check.case))].toSorted())
    const rows = checks.map(({ peer, title }) => `${title} | ${peer}`)
    expect(rows.filter((row, i) => rows.indexOf(row) !== i)).toEqual([])
  })
})
