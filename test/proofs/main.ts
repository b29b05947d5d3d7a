/** `npm run prove -- soak --only ttl`: runs the proof "soak". Without a name it lists them. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { proofs, root } from "./proofs.ts"

const [name, ...options] = process.argv.slice(2)
const proof = name === undefined ? undefined : proofs[name]

if (name === undefined || proof === undefined) {
  console.error(name === undefined ? "Which proof?" : `There is no proof "${name}".`)
  for (const [each, { shows }] of Object.entries(proofs)) {
    console.error(`  npm run prove -- ${each.padEnd(12)} ${shows}`)
  }
  process.exitCode = 1
} else {
  const { file, node = [] } = proof
  const command = ["--conditions=effect-cached-source", "--no-warnings", ...node, join(root, "test", file)]
  const { status } = spawnSync(process.execPath, [...command, ...options], { stdio: "inherit" })
  process.exitCode = status ?? 1
}
