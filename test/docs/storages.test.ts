/** The pages that list storages and layers list all that there are. */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** The layers over a storage: those whose options extend the common ones. */
const layers = globSync("src/layers/*.ts", { cwd: root }).flatMap((file) =>
  /^export interface \w+Options extends LayerOptions\b/m.test(read(file)) ? [basename(file, ".ts")] : []
).toSorted()

/** The rows of a table of a page, by the code in their first cells. */
const rowsOf = (page: string): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from(read(page).matchAll(/^\| (.+) \|$/gm), ([, row]) => row!.split(" | "))

/** The storages of the table that a test measures, with what each does. */
const storages = rowsOf("docs/storages.md").flatMap(([name, once, reports, lasting]) => {
  const known = /^\[`(disk|files|redis|postgres|objects)`\]/.exec(name!)?.[1]
  return known === undefined ? [] : [{ name: known, once, reports, lasting }]
})

/** Their names in tables for people. */
const words: Readonly<Record<string, RegExp>> = {
  disk: /folder|one machine|`disk`/,
  files: /folder|`files`/,
  redis: /Redis/,
  postgres: /PostgreSQL/,
  objects: /bucket/
}

const rowOf = (page: string, first: string): string => {
  const row = rowsOf(page).find(([name]) => name === first)
  expect(row, `${page}: ${first}`).toBeDefined()
  return row![1]!
}

describe("the pages about storages", () => {
  it("there are storages", () => {
    expect(storages.map(({ name }) => name)).toEqual(["disk", "files", "redis", "postgres", "objects"])
    expect(layers).toEqual(["disk", "files", "objects", "postgres", "redis", "sql"])
  })

  it.each([
    ["AGENTS.md", "Choosing a layer"],
    ["docs/getting-started.md", "The layer"],
    ["docs/options.md", "Layers over a store"]
  ])("%s names each layer", (page, heading) => {
    const part = read(page).split(/^## /m).find((text) => text.startsWith(heading))!
    const named = (name: string) => part.includes(`CacheLayer.${name}`) || part.includes(`\`${name}`)
    expect(layers.filter((name) => !named(name))).toEqual([])
  })

  it("the message about a missing cache names each storage", () => {
    const message = read("docs/messages.md").split("\n").find((line) => line.includes("There is no cache: provide"))!
    expect(storages.filter(({ name }) => !message.includes(name))).toEqual([])
  })

  it("each layer with the options of layers over a store is named above their table, and no other", () => {
    const sentence = /## Layers over a store\n\n(.+)/.exec(read("docs/options.md"))![1]!
    const named = Array.from(sentence.matchAll(/`(\w+)`/g), ([, name]) => name!)
    expect(named.toSorted()).toEqual([...layers, "layer"].toSorted())
  })

  it.each(
    [
      ["survives a restart", "lasting"],
      ["one load across processes", "once"]
    ] as const
  )("docs/compare.md, %s: names the storages that do it, and no other", (row, column) => {
    const said = rowOf("docs/compare.md", row)
    const wrong = storages.filter((storage) => {
      const does = storages.some((one) =>
        words[one.name]!.source === words[storage.name]!.source && one[column] === "yes"
      )
      return words[storage.name]!.test(said) !== (does || storage[column] === "yes")
    })
    // Both `disk` and `files` are folders.
    expect(wrong.filter(({ name }) => name !== "files")).toEqual([])
  })

  it("no page misses what there is", () => {
    const missing = /## What is not there yet\n([^]*)/.exec(read("docs/coming-from.md"))![1]!
    const there = [/PostgreSQL/, /cloud storage|bucket/, /HttpApi/, /more than two tiers/, /Memcached is/]
    expect(there.filter((word) => word.test(missing))).toEqual([])
    const pages = globSync(["docs/compare.md", "docs/coming-from/*.md"], { cwd: root })
    expect(pages.length).toBe(7)
    const denials = pages.flatMap((page) =>
      Array.from(
        read(page).matchAll(/\b(?:no|not|cannot|only)\b[^.|]*\b(?:PostgreSQL|buckets?|S3)\b[^.|]*/g),
        ([text]) => [
          page,
          text
        ]
      )
    )
    expect(denials).toEqual([])
  })
})
