/** `npm run prove -- size`: what the built package adds to a program, and which modules weigh what. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, symlinkSync } from "node:fs"
import { join, resolve } from "node:path"
import { bundlers, measure } from "./measure.ts"
import { compared } from "./programs.ts"

const root = resolve(import.meta.dirname, "../../..")
const folder = join(root, ".cache/size")
const link = join(folder, "node_modules/effect-cached")

execFileSync("npm", ["run", "--silent", "build", "--", "--sourcemap"], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"]
})
mkdirSync(join(folder, "node_modules"), { recursive: true })
rmSync(link, { force: true })
symlinkSync(root, link, "junction")

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

for (const { limit, program, what, without } of compared) {
  console.log(`\n${what}: at most ${limit} kB`)
  for (const name of Object.keys(bundlers) as Array<keyof typeof bundlers>) {
    const [whole, base] = [await measure(name, program, folder), await measure(name, without, folder)]
    console.log(`  ${name}: ${kilobytes(base.bytes)} + ${kilobytes(whole.bytes - base.bytes)}`)
    if (name !== "esbuild") continue
    const before = base.modules()
    const added = Array.from(whole.modules(), ([module, bytes]) => [module, bytes - (before.get(module) ?? 0)] as const)
      .filter(([, bytes]) => bytes >= 100)
      .sort(([, a], [, b]) => b - a)
    console.log("    not compressed, by module:")
    for (const [module, bytes] of added) console.log(`    ${String(bytes).padStart(6)}  ${module}`)
  }
}
