/**
 * Programs that tests start in processes of their own, bundled: as one file such a program starts in a fifth of the
 * time. A bundle is used again until a source changes.
 */
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { rolldown } from "rolldown"

const root = resolve(import.meta.dirname, "../..")
const folder = join(root, ".cache/programs")

const bundled = new Map<string, Promise<string>>()

/** The path of the program of this module, which is named by it. */
export const programOf = (module: string): Promise<string> => {
  let program = bundled.get(module)
  if (program === undefined) bundled.set(module, program = bundle(module))
  return program
}

const bundle = async (module: string): Promise<string> => {
  const name = relative(root, module).replaceAll(/[/\\]/g, "-")
  const file = join(folder, `${name}-${version(module)}.mjs`)
  if (existsSync(file)) return file
  const build = await rolldown({
    cwd: root,
    input: module,
    platform: "node",
    resolve: { conditionNames: ["effect-cached-source", "node", "import", "default"] },
    onLog: (level, { message }) => {
      if (level === "warn") throw new Error(message)
    }
  })
  // A process never starts an incomplete program.
  const draft = `${file}.${process.pid}`
  mkdirSync(folder, { recursive: true })
  await build.write({ file: draft, format: "esm", codeSplitting: false })
  await build.close()
  for (const former of globSync(join(folder, `${name}-*.mjs`))) rmSync(former, { force: true })
  renameSync(draft, file)
  return file
}

/** The version of everything that a program may be made of. */
const version = (module: string): string => {
  const files = [
    join(root, "package-lock.json"),
    ...globSync([`${dirname(module)}/**/*.ts`, `${root}/{src,examples}/**/*.ts`, `${root}/test/*/*.ts`])
  ]
  const hash = createHash("sha1")
  for (const file of files.toSorted()) {
    const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 }
    hash.update(`${file} ${size} ${mtimeMs}\n`)
  }
  return hash.digest("hex").slice(0, 16)
}
