/** Deliberate faults: patches against `src`. Each is put into a copy, where the check must find it. */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readdir, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const execute = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = join(root, "test/consistency/mutants")

export const mutants = async (): Promise<ReadonlyArray<string>> =>
  (await readdir(folder)).filter((file) => file.endsWith(".patch")).map((file) => file.slice(0, -".patch".length))
    .sort()

/** Schedules differ from run to run even with one seed, so it is tried for some time. */
const tries = 3
const seconds = 20

/** Whether a patch fits the tree, at one place each. */
export const applies = (name: string): Promise<boolean> =>
  execute("git", ["apply", "--check", join(folder, `${name}.patch`)], { cwd: root }).then(() => true, () => false)

/** The first violation that a fault leads to; fails if the patch does not apply. */
export const findMutant = async (name: string): Promise<string | undefined> => {
  const copy = await mkdtemp(join(tmpdir(), "effect-cached-"))
  try {
    for (const part of ["src", "test/consistency", "test/processes", "package.json"]) {
      await cp(join(root, part), join(copy, part), { recursive: true })
    }
    await symlink(join(root, "node_modules"), join(copy, "node_modules"))
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) }
    await execute("git", ["apply", join(folder, `${name}.patch`)], { cwd: copy, env })
    for (let seed = 1; seed <= tries; seed++) {
      const violation = await firstViolation(copy, seed)
      if (violation !== undefined) return violation
    }
    return undefined
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

const firstViolation = (copy: string, seed: number): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const args = ["--conditions=effect-cached-source", join(copy, "test/consistency/main.ts")]
    execFile(
      process.execPath,
      [...args, "--seconds", String(seconds), "--seed", String(seed), "--stop", "--json"],
      { maxBuffer: 1 << 28 },
      // it ends with 1 where it finds something
      (error, out) =>
        out === ""
          ? reject(error ?? new Error("the check said nothing"))
          : resolve((JSON.parse(out) as { readonly violations: ReadonlyArray<string> }).violations[0])
    )
  })
