/** Bundles the code that runs in the reader's browser into `public/lib/`. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Plugin, rolldown } from "rolldown"
import { fitsBrowser, type Used, usedIn } from "./programs.ts"
import { root } from "./repository.ts"

const target = join(root, "site/public/lib")

/** `TestSchema` alone needs it, a neighbor of `TestClock` that no program can import. */
const withoutAssert = {
  name: "without-assert",
  resolveId: (id) => id === "node:assert" ? id : undefined,
  load: (id) => id === "node:assert" ? "module.exports = {}" : undefined
} satisfies Plugin

const write = async (
  input: Record<string, string>,
  dir: string,
  plugins: ReadonlyArray<Plugin> = []
): Promise<void> => {
  const build = await rolldown({
    cwd: root,
    input,
    platform: "browser",
    plugins: [withoutAssert, ...plugins],
    preserveEntrySignatures: "strict",
    resolve: { conditionNames: ["effect-cached-source", "browser", "import", "default"] },
    onLog: (level, { message }) => {
      if (level === "warn") throw new Error(message)
    }
  })
  await build.write({ dir, format: "esm", minify: true, chunkFileNames: "part-[hash].js" })
  await build.close()
}

/** The place of a name of a module: the file, and the name that it has there; without one, the whole file. */
export interface Place {
  readonly file: string
  readonly name?: string
  /** The exports of the file, unless it exports all. */
  readonly members?: ReadonlyArray<string>
}

/** By module, then by name; the name `*` stands for a module that is imported as a whole. */
export type Modules = Readonly<Record<string, Readonly<Record<string, Place>>>>

/**
 * `used` has what the programs of the pages use, and is small; `all` has everything, for programs that a reader has
 * changed so that they use more.
 */
export type Sets = Readonly<Record<"used" | "all", Modules>>

/** The namespaces of a barrel are a file each, so that a program loads those that it names. */
const barrels = {
  effect: "node_modules/effect/dist/index.js",
  "effect/testing": "node_modules/effect/dist/testing/index.js",
  "effect-cached": "src/index.ts"
}

const namespaces = (barrel: string): ReadonlyArray<readonly [name: string, file: string]> =>
  Array.from(
    readFileSync(join(root, barrel), "utf8").matchAll(/^export \* as (\w+) from "(\..+)"/gm),
    ([, name, file]) => [name!, join(root, barrel, "..", file!)] as const
  )

const fileOf = (module: string): string => module.replaceAll("/", ".")

/** Modules that export a part of another; layers of caches tell the page what happens in them. */
const parts = (files: ReadonlyMap<string, readonly [file: string, members: ReadonlyArray<string>]>): Plugin => ({
  name: "parts",
  resolveId: (id) => files.has(id) ? id : undefined,
  load: (id) => {
    const [file, members] = files.get(id) ?? []
    if (file === undefined || members === undefined) return undefined
    const source = JSON.stringify(file)
    if (!file.endsWith("/CacheLayer.ts")) return `export { ${members.join(", ")} } from ${source}`
    return [
      `import { watched } from ${JSON.stringify(join(root, "site/client/watched.ts"))}`,
      ...members.map((name) =>
        `import { ${name} as ${name}_ } from ${source}\nexport const ${name} = watched(${name}_)`
      )
    ].join("\n")
  }
})

/** Without `used`, all members of all modules. */
const writeModules = async (dir: string, used: Used | undefined): Promise<Modules> => {
  const input: Record<string, string> = { watched: join(root, "site/client/watched.ts"), format: "effect/Formatter" }
  const files = new Map<string, readonly [file: string, members: ReadonlyArray<string>]>()
  const modules: Record<string, Record<string, Place>> = {}
  for (const [module, barrel] of Object.entries(barrels)) {
    modules[module] = {}
    for (const [name, file] of namespaces(barrel)) {
      if (/^import .* from "node:/m.test(readFileSync(file, "utf8"))) continue
      const named = used?.get(`${module}/${name}`)
      if (used !== undefined && named === undefined) continue
      const members = Object.keys(await import(file)).filter((member) => named?.has(member) !== false)
      if (members.length === 0) continue
      const entry = fileOf(`${module}/${name}`)
      files.set(`part:${entry}`, [file, members])
      input[entry] = `part:${entry}`
      modules[module][name] = { file: `${entry}.js`, ...used === undefined ? {} : { members } }
    }
  }
  // The barrel of Effect exports the functions of this module by their own names too.
  const functions = Object.keys(await import("effect/Function"))
  input["functions"] = "effect/Function"
  for (const name of functions) modules["effect"]![name] ??= { file: "functions.js", name }
  for (const module of fitsBrowser) {
    if (module in barrels) continue
    const entry = fileOf(module)
    const members = used && Array.from(used.keys()).filter((key) => key.startsWith(`${module}/`))
      .map((key) => key.slice(module.length + 1))
    if (members?.length === 0) continue
    if (members === undefined) input[entry] = module
    else {
      files.set(`part:${entry}`, [module, members])
      input[entry] = `part:${entry}`
    }
    modules[module] = { "*": { file: `${entry}.js`, ...members && { members } } }
  }
  await write(input, dir, [parts(files)])
  return modules
}

/** `programs` are those of the pages. */
export const bundle = async (programs: ReadonlyArray<string>): Promise<void> => {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  await write({ page: "site/client/page.ts", worker: "site/client/worker.ts" }, target)
  const sets: Sets = {
    used: await writeModules(join(target, "used"), usedIn(programs)),
    all: await writeModules(join(target, "all"), undefined)
  }
  writeFileSync(join(target, "modules.json"), JSON.stringify(sets))
}
