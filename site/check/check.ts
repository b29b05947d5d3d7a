/** Checks the site in `site/dist/`. */
import { join } from "node:path"
import { root } from "../build/repository.ts"
import { launch } from "./browser.ts"
import { serve } from "./server.ts"
import { type Found, pathsOf, type View, walk } from "./walk.ts"

const folder = join(root, "site/dist")

const base = `${process.env["SITE_BASE"] ?? ""}/`.replace(/\/+$/, "/")

const views: ReadonlyArray<View> = [{ width: 1280, colorScheme: "light" }, { width: 360, colorScheme: "dark" }]

export const check = async (): Promise<void> => {
  const began = performance.now()
  const browser = await launch()
  const site = await serve(folder, base)
  const paths = pathsOf(folder)
  const found: Array<Found> = []
  let most: readonly [path: string, bytes: number] = ["", 0]
  for (const view of views) {
    const walked = await walk(browser, site.url, paths, view)
    found.push(...walked.found.map(({ path, what }) => ({ path, what: `at ${view.width} px, ${view.colorScheme}: ${what}` })))
    for (const [path, bytes] of walked.bytes) if (bytes > most[1]) most = [path, bytes]
  }
  await browser.close()
  site.stop()
  for (const { path, what } of found) console.log(`/${path}: ${what}`)
  console.log(`${paths.length} pages, ${found.length} findings, ${Math.round((performance.now() - began) / 1000)} s`)
  console.log(`the largest first load: ${Math.round(most[1] / 100) / 10} kB, /${most[0]}`)
  if (found.length > 0) process.exit(1)
}
