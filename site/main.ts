/**
 * `npm run site` builds the site into `site/dist/` and checks it in Chromium; `npm run site:dev` serves it while it is
 * written. `SITE_BASE` is the path that it is served under, `SITE_PAGES` a pattern that selects pages.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundle } from "./build/bundle.ts"
import { writePages } from "./build/pages.ts"
import { stylesheet } from "./build/pictures.ts"
import { root } from "./build/repository.ts"
import { check } from "./check/check.ts"

const site = join(root, "site")

const astro = (command: string): void => {
  const run = spawnSync(process.execPath, ["node_modules/astro/bin/astro.mjs", command], {
    cwd: site,
    stdio: "inherit",
    env: { ...process.env, ASTRO_TELEMETRY_DISABLED: "1" }
  })
  if (run.status !== 0) process.exit(run.status ?? 1)
}

const commands = process.argv.slice(2)
const does = (command: string): boolean => commands.length === 0 || commands.includes(command)

if (does("build") || commands.includes("dev")) {
  mkdirSync(join(site, ".cache"), { recursive: true })
  const { programs, sidebar } = writePages()
  writeFileSync(join(site, ".cache/sidebar.json"), JSON.stringify(sidebar))
  writeFileSync(join(site, ".cache/pictures.css"), stylesheet)
  await bundle(programs)
}
if (commands.includes("dev")) astro("dev")
else if (does("build")) {
  // Pages as they were rendered before a plugin changed.
  rmSync(join(site, "node_modules/.astro"), { recursive: true, force: true })
  astro("build")
}
if (does("check")) await check()
