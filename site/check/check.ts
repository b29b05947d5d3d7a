/** Checks the site in `site/dist/` in Chromium: each page, its pictures and programs when touched, and the search. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../build/repository.ts"
import { launch } from "./browser.ts"
import { plantAndWalk } from "./plants.ts"
import { runPrograms } from "./programs.ts"
import { search } from "./search.ts"
import { serve } from "./server.ts"
import { touch } from "./touch.ts"
import { type Found, pathsOf, type View, walk } from "./walk.ts"

const folder = join(root, "site/dist")

const base = `${process.env["SITE_BASE"] ?? ""}/`.replace(/\/+$/, "/")

const views: ReadonlyArray<View> = [{ width: 1280, colorScheme: "light" }, { width: 360, colorScheme: "dark" }]

const kilobytes = (bytes: number): string => `${Math.round(bytes / 100) / 10} kB`

/** The pages with a picture that turns and a program that runs. */
const touchable = (paths: ReadonlyArray<string>): ReadonlyArray<string> =>
  paths.filter((path) => {
    const html = path.endsWith(".html") ? "" : readFileSync(join(folder, path, "index.html"), "utf8")
    return html.includes("data-turn=") && html.includes("data-run")
  })

export const check = async (): Promise<void> => {
  const began = performance.now()
  const browser = await launch()
  const site = await serve(folder, base)
  const paths = pathsOf(folder)
  let findings = 0
  const tell = ({ path, what }: Found): void => {
    findings++
    console.log(`/${path}: ${what}`)
  }
  const touched = touchable(paths)
  const programs = new Map<string, string>()
  if (touched.length === 0) tell({ path: "", what: "no page has a picture that turns" })
  for (const view of views) {
    const at = ({ path, what }: Found) => tell({ path, what: `at ${view.width} px, ${view.colorScheme}: ${what}` })
    const walked = await walk(browser, site.url, paths, view)
    walked.found.forEach(at)
    for (const [path, program] of walked.programs) programs.set(program, path)
    const [path, most] = [...walked.bytes].reduce((a, b) => b[1] > a[1] ? b : a)
    const { bytes, found: onTouch } = await touch(browser, site, touched, view)
    onTouch.forEach(at)
    console.log(
      `at ${view.width} px: a page loads at most ${kilobytes(most)} (/${path}), the first touch of a picture ${
        kilobytes(bytes.picture)
      }, of a program ${kilobytes(bytes.program)}`
    )
  }
  for (const one of await runPrograms(browser, site.url, Array.from(programs, ([program, path]) => [path, program]))) {
    tell(one)
  }
  for (const one of await search(browser, site.url, "softTtl")) tell(one)
  for (const one of await plantAndWalk(browser, folder, base)) tell(one)
  await browser.close()
  site.stop()
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(
    `${paths.length} pages, ${touched.length} of them touched, ${programs.size} programs: ${findings} findings, ${seconds} s`
  )
  if (findings > 0) process.exit(1)
}
