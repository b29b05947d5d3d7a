/** The pictures of the documentation show what a run gives. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { pictures, root } from "./pictures/pictures.ts"
import { scenarios } from "./pictures/scenarios.ts"

it.effect("every picture is as it is drawn now: otherwise `npm run pictures`", () =>
  Effect.gen(function*() {
    for (const [file, svg] of yield* pictures) expect(svg, file).toBe(readFileSync(join(root, file), "utf8"))
  }))

it.effect("every picture is on a page", () =>
  Effect.gen(function*() {
    const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root }).map((page) =>
      readFileSync(join(root, page), "utf8")
    )
    const shown = (file: string) => pages.some((page) => page.includes(`${file.replace("docs/", "")})`))
    expect([...(yield* pictures).keys()].filter((file) => !shown(file))).toEqual([])
  }))

it("every strategy page shows its timeline", () => {
  for (const { file } of scenarios) {
    const page = readFileSync(join(root, `docs/strategies/${file.replace("strategy-", "")}.md`), "utf8")
    expect(page).toContain(`(../images/${file}.svg)`)
  }
})
