/** Bundles what runs in the reader's browser into `public/lib/`. */
import * as CacheLayer from "../../src/CacheLayer.ts"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Plugin, rolldown } from "rolldown"
import { fitsBrowser } from "./programs.ts"
import { root } from "./repository.ts"

const target = join(root, "site/public/lib")

/** `TestSchema` alone needs it, a neighbor of `TestClock` that no program can import. */
const withoutAssert = {
  name: "without-assert",
  resolveId: (id) => id === "node:assert" ? id : undefined,
  load: (id) => id === "node:assert" ? "module.exports = {}" : undefined
} satisfies Plugin

const write = async (input: Record<string, string>, dir: string, plugins: ReadonlyArray<Plugin> = []): Promise<void> => {
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

/** A module that a program can import, or a name in it: the file, and the name that it has there (none: all of it). */
export type Place = readonly [file: string, name?: string]

/** By module, then by name; the name `*` stands for a module that is imported as a whole. */
export type Modules = Readonly<Record<string, Readonly<Record<string, Place>>>>

const namespaces = (barrel: string): ReadonlyArray<readonly [name: string, file: string]> =>
  Array.from(readFileSync(join(root, barrel), "utf8").matchAll(/^export \* as (\w+) from "(\..+)"/gm), ([, name, file]) =>
    [name!, join(root, barrel, "..", file!)] as const)

/** The namespaces of a barrel are a file each, so that a program loads those that it names. */
const barrels = {
  effect: "node_modules/effect/dist/index.js",
  "effect/testing": "node_modules/effect/dist/testing/index.js",
  "effect-cached": "src/index.ts"
}

const fileOf = (module: string): string => module.replaceAll("/", ".")

/** The layers of caches tell what happens in them. */
const layers = {
  name: "watched-layers",
  resolveId: (id) => id === "watched:CacheLayer" ? id : undefined,
  load: (id) =>
    id !== "watched:CacheLayer" ? undefined : [
      `import { watched } from ${JSON.stringify(join(root, "site/client/watched.ts"))}`,
      `import * as CacheLayer from ${JSON.stringify(join(root, "src/CacheLayer.ts"))}`,
      ...Object.keys(CacheLayer).map((name) => `export const ${name} = watched(CacheLayer.${name})`)
    ].join("\n")
} satisfies Plugin

const writeModules = async (): Promise<void> => {
  const input: Record<string, string> = { watched: "site/client/watched.ts" }
  const modules: Record<string, Record<string, Place>> = {}
  for (const [module, barrel] of Object.entries(barrels)) {
    modules[module] = {}
    for (const [name, file] of namespaces(barrel)) {
      if (/from "node:/.test(readFileSync(file, "utf8"))) continue
      const entry = fileOf(`${module}/${name}`)
      input[entry] = entry === "effect-cached.CacheLayer" ? "watched:CacheLayer" : file
      modules[module][name] = [`${entry}.js`]
    }
  }
  const functions = await import("effect/Function")
  for (const name of Object.keys(functions)) modules["effect"]![name] = ["effect.Function.js", name]
  for (const module of fitsBrowser) {
    if (module in barrels) continue
    input[fileOf(module)] = module
    modules[module] = { "*": [`${fileOf(module)}.js`] }
  }
  await write(input, join(target, "modules"), [layers])
  writeFileSync(join(target, "modules/modules.json"), JSON.stringify(modules))
}

export const bundle = async (): Promise<void> => {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  await write({ page: "site/client/page.ts", worker: "site/client/worker.ts" }, target)
  await writeModules()
}
