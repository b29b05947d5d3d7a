/**
 * Deliberate faults: the patches of `test/mutants` (and, for several processes on one store, of `test/mutants-fleet`)
 * against `src`. Each is put into a copy, and the simulation must find
 * it there. What the simulation cannot find it does not check.
 */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readdir, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Failure, Swept } from "./sweep.ts"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))

export type Folder = "mutants" | "mutants-fleet"

export const mutants = async (folder: Folder = "mutants"): Promise<ReadonlyArray<string>> =>
  (await readdir(join(root, "test", folder))).filter((file) => file.endsWith(".patch")).map((file) =>
    file.slice(0, -".patch".length)
  )
    .sort()

/** The first seed that finds a fault; fails if the patch does not apply, or applies twice. */
export const findMutant = async (
  name: string,
  seeds: number,
  folder: Folder = "mutants"
): Promise<Failure | undefined> => {
  const copy = await mkdtemp(join(tmpdir(), "effect-cached-"))
  try {
    for (const part of ["src", "test/simulation", "package.json"]) {
      await cp(join(root, part), join(copy, part), { recursive: true })
    }
    await symlink(join(root, "node_modules"), join(copy, "node_modules"))
    await patchOnce(copy, join(root, "test", folder, `${name}.patch`))
    return (await simulateIn(copy, seeds, folder === "mutants" ? ["--workers", "1", "--stop"] : ["--fleet"]))
      .failures[0]
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

const patchOnce = async (copy: string, patch: string): Promise<void> => {
  const apply = () =>
    run("git", ["apply", patch], { cwd: copy, env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) } })
  await apply()
  const again = await apply().then(() => true, () => false)
  if (again) throw new Error(`${patch} applies more than once: give it more context`)
}

const simulateIn = (copy: string, seeds: number, more: ReadonlyArray<string>): Promise<Pick<Swept, "failures">> =>
  new Promise((resolve, reject) => {
    const args = ["--conditions=effect-cached-source", join(copy, "test/simulation/main.ts")]
    execFile(
      process.execPath,
      [...args, "--seeds", String(seeds), ...more, "--json"],
      // it ends with 1 where it finds something
      (error, out) =>
        out === "" ? reject(error ?? new Error("the simulation said nothing")) : resolve(JSON.parse(out) as Swept)
    )
  })
