/** Faults that are put into a copy of the site: a walk that does not find each of them is worth nothing. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser } from "playwright-core"
import { serve } from "./server.ts"
import { type Found, walk } from "./walk.ts"

const plants: ReadonlyArray<readonly [html: string, found: RegExp]> = [
  ["<a href=\"./not-there/\">wrong</a>", /^dead link .*\/not-there\/$/],
  ["<a href=\"./#not-there\">wrong</a>", /^dead anchor .*#not-there$/],
  ["<img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\">", /^axe: image-alt/],
  ["<script src=\"https://other.invalid/x.js\"></script>", /^requests https:\/\/other\.invalid/],
  ["<script>throw new Error(\"planted\")</script>", /^error: planted/],
  ["<div style=\"width: 3000px\">wide</div>", /^wider than /]
]

/** Walks the first page of a copy with all plants; what is not found is a finding. */
export const plantAndWalk = async (browser: Browser, folder: string, base: string): Promise<ReadonlyArray<Found>> => {
  const copy = mkdtempSync(join(tmpdir(), "effect-cached-site-"))
  try {
    cpSync(folder, copy, { recursive: true })
    const file = join(copy, "index.html")
    const html = readFileSync(file, "utf8")
    writeFileSync(file, html.replace("</main>", `${plants.map(([plant]) => plant).join("")}</main>`))
    const site = await serve(copy, base)
    const { found } = await walk(browser, site.url, [""], { width: 1280, colorScheme: "light" })
    site.stop()
    return plants.filter(([, expected]) => !found.some(({ what }) => expected.test(what)))
      .map(([plant]) => ({ path: "", what: `the walk does not find ${plant}` }))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
