/** The dashboard and the alerts of the package are what the list of metrics gives. */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { ofCache, ofClass, ofStore } from "../../src/metrics/list.ts"
import { alerts, monitoring, rows } from "./monitoring.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

describe("monitoring/", () => {
  it("has the files that `npm run generate` writes, and no others", () => {
    expect(globSync("monitoring/*", { cwd: root }).toSorted()).toEqual([...monitoring.keys()].toSorted())
    for (const [file, text] of monitoring) expect(read(file), file).toBe(text)
  })

  it("shows each metric of the list in a panel, and names no others", () => {
    const queries = rows.flatMap(({ panels }) => panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))
    const named = [...queries, ...alerts.map(({ expr }) => expr)].join("\n").match(/effect_cached_\w+/g)!
      .map((name) => name.replace(/_bucket$/, ""))
    const all = [ofCache, ofClass, ofStore].flatMap((list) => Object.values(list).map(({ name }) => name))
    expect([...new Set(named)].toSorted()).toEqual(all.toSorted())
  })

  it("has a page that names each alert", () => {
    const page = read("docs/observability.md")
    for (const { alert } of alerts) expect(page).toContain(`\`${alert}\``)
  })
})
