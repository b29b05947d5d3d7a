/** The pictures of the documentation show what a run gives. */
import { expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "../support/tests.ts"
import { panels, shown } from "./pictures/dashboardPanels.ts"
import { pictures, root } from "./pictures/pictures.ts"
import { scenarios } from "./pictures/scenarios.ts"

test("every picture is as it is drawn now: otherwise `npm run generate`", function*() {
  for (const [file, svg] of yield* pictures) expect(svg, file).toBe(readFileSync(join(root, file), "utf8"))
})

test("every picture is on a page", function*() {
  const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root }).map((page) => readFileSync(join(root, page), "utf8"))
  const shown = (file: string) => pages.some((page) => page.includes(`${file.replace("docs/", "")})`))
  expect([...(yield* pictures).keys()].filter((file) => !shown(file))).toEqual([])
})

it("the pictures of the dashboard are on its page, with their panels", () => {
  const page = readFileSync(join(root, "docs/observability.md"), "utf8")
  for (const { file, panels: titles, trouble } of shown) {
    expect(page).toContain(`(images/${file}.svg)`)
    const svg = readFileSync(join(root, `docs/images/${file}.svg`), "utf8")
    for (const title of titles) expect(svg).toContain(`>${panels.get(title)!.title}<`)
    expect(svg).toContain(trouble)
    expect(svg.length).toBeLessThan(25_000)
  }
})

it("the section of every strategy shows its timeline", () => {
  const page = readFileSync(join(root, "docs/strategies.md"), "utf8")
  const shown = page.split(/^## /m).slice(1).flatMap((section) =>
    Array.from(section.matchAll(/\]\(images\/(strategy-[\w-]+)\.svg\)/g), ([, file]) => [
      section.slice(0, section.indexOf("\n")),
      file
    ])
  )
  const named = (file: string) =>
    file.replace("strategy-", "").replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase())
  expect(shown.toSorted()).toEqual(scenarios.map(({ file }) => [named(file), file]).toSorted())
})
