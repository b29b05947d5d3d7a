/** A driver is a folder with a sub-path of the package, and with rooms where it has many files. */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const drivers = join(root, "src/drivers")
const technologies = readdirSync(drivers).filter((name) => name !== "shared")
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: { readonly [path: string]: unknown }
}

const mostFiles = 12

describe("a driver", () => {
  it.each(technologies)("%s is a sub-path of the package", (name) => {
    const built = `./dist/drivers/${name}/index`
    expect(exports[`./${name}`]).toEqual({
      "effect-cached-source": `./src/drivers/${name}/index.ts`,
      "types": `${built}.d.ts`,
      "default": `${built}.js`
    })
  })

  it.each(technologies)("%s exports modules alone", (name) => {
    const text = readFileSync(join(drivers, name, "index.ts"), "utf8")
    expect(text.slice(text.indexOf("*/") + 3)).toMatch(/^(export \* as ([A-Z]\w+) from "\.\/\2\.ts"\n)+$/)
  })

  it("binds no parameter of SQLite by its number, which Node 22.19 takes for a name", () => {
    const files = globSync("sqlite/**/*.ts", { cwd: drivers })
    const numbered = (text: string) => /(?:=|\(|,|NOT|THEN|ELSE) ?\?\d/.test(text)
    expect(numbered("WHERE id = ?1")).toBe(true)
    expect(files.filter((file) => numbered(readFileSync(join(drivers, file), "utf8")))).toEqual([])
    expect(files.length).toBeGreaterThan(10)
  })

  it.each(globSync(["*/", "*/**/"], { cwd: drivers }))("%s is a room of at most twelve files", (folder) => {
    const files = readdirSync(join(drivers, folder), { withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.length).toBeLessThanOrEqual(mostFiles)
  })
})
