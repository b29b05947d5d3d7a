/**
 * `npm run site` builds the site into `site/dist/` and checks it in Chromium; `npm run site:dev` serves it while it is
 * written. `SITE_BASE` is the path that it is served under, `SITE_PAGES` a pattern that selects pages.
 */
import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, globSync, mkdirSync, rmSync, watch, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundle } from "./build/bundle.ts"
import { writePages } from "./build/pages.ts"
import { stylesheet } from "./build/pictures.ts"
import { root } from "./build/repository.ts"
import { check } from "./check/check.ts"

const site = join(root, "site")
const images = join(root, "docs/images")

const options = { cwd: site, stdio: "inherit", env: { ...process.env, ASTRO_TELEMETRY_DISABLED: "1" } } as const

const run = (...args: ReadonlyArray<string>): void => {
  const { status } = spawnSync(process.execPath, args, options)
  if (status !== 0) process.exit(status ?? 1)
}

const astro = "node_modules/astro/bin/astro.mjs"

/** Serves the site, and writes the pages again when one of their sources changes. */
const develop = (): void => {
  const server = spawn(process.execPath, [astro, "dev"], options)
  server.on("exit", (code) => process.exit(code ?? 1))
  let timer: ReturnType<typeof setTimeout> | undefined
  const changed = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      try {
        writePages()
      } catch (error) {
        console.error((error as Error).message)
      }
    }, 100)
  }
  watch(join(root, "docs"), { recursive: true }, changed)
  watch(join(root, "README.md"), changed)
}

const commands = process.argv.slice(2)
const does = (command: string): boolean => commands.length === 0 || commands.includes(command)

if (does("build") || commands.includes("dev")) {
  mkdirSync(join(site, ".cache"), { recursive: true })
  const { programs, sidebar } = writePages()
  writeFileSync(join(site, ".cache/sidebar.json"), JSON.stringify(sidebar))
  writeFileSync(join(site, ".cache/pictures.css"), stylesheet)
  await bundle(programs)
  for (const file of globSync("*.png", { cwd: images })) {
    copyFileSync(join(images, file), join(site, "public/lib", file))
  }
}
if (commands.includes("dev")) develop()
else if (does("build")) {
  // Pages as they were rendered before a plugin changed.
  rmSync(join(site, "node_modules/.astro"), { recursive: true, force: true })
  run(astro, "build")
}
if (does("check")) {
  run(join(root, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", ".")
  await check()
}
