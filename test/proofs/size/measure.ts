/** How much of the package a program loads at once: bundled for browsers, minified and compressed. */
import { build as esbuild, type Metafile } from "esbuild"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { SourceMap } from "node:module"
import { join, resolve } from "node:path"
import { gzipSync } from "node:zlib"
import { build as vite, type Rolldown } from "vite"

/** The code that a page loads at once: no part of it is behind an `import()`. */
interface Bundle {
  readonly code: string
  readonly map: string
}

type Bundler = (file: string) => Promise<ReadonlyArray<Bundle>>

/** The modules reached from `first` by static imports. */
const reached = (first: string, importsOf: (name: string) => ReadonlyArray<string>): ReadonlySet<string> => {
  const found = new Set([first])
  for (const name of found) for (const next of importsOf(name)) found.add(next)
  return found
}

const withEsbuild: Bundler = async (file) => {
  const { metafile, outputFiles } = await esbuild({
    entryPoints: [file],
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    sourcemap: "external",
    metafile: true,
    write: false,
    absWorkingDir: join(file, "../.."),
    outdir: join(file, "../out"),
    logLevel: "silent"
  })
  const textOf = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))!.text
  const { outputs }: Metafile = metafile
  const entry = Object.keys(outputs).find((name) => outputs[name]!.entryPoint !== undefined)!
  const importsOf = (name: string) =>
    outputs[name]!.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path)
  return Array.from(reached(entry, importsOf), (name) => ({ code: textOf(name), map: textOf(`${name}.map`) }))
}

const withVite: Bundler = async (file) => {
  const built = await vite({
    root: join(file, "../.."),
    configFile: false,
    logLevel: "silent",
    build: { write: false, sourcemap: "hidden", modulePreload: false, rolldownOptions: { input: file } }
  })
  const { output } = (Array.isArray(built) ? built[0] : built) as Rolldown.RolldownOutput
  const chunks = new Map(output.flatMap((one) => one.type === "chunk" ? [[one.fileName, one] as const] : []))
  const entry = [...chunks.values()].find(({ isEntry }) => isEntry)!
  return Array.from(
    reached(entry.fileName, (name) => chunks.get(name)!.imports),
    (name) => ({ code: chunks.get(name)!.code, map: JSON.stringify(chunks.get(name)!.map) })
  )
}

export const bundlers = { esbuild: withEsbuild, Vite: withVite }

/** Bytes by module, before they are compressed. */
const modulesOf = ({ code, map }: Bundle): ReadonlyMap<string, number> => {
  const source = new SourceMap(JSON.parse(map))
  const bytes = new Map<string, number>()
  for (const [number, line] of code.split("\n").entries()) {
    for (let column = 0; column < line.length; column++) {
      const entry = source.findEntry(number, column)
      if (!("originalSource" in entry)) continue
      const module = entry.originalSource.replace(/^.*\/(?:node_modules|src)\//, "")
      bytes.set(module, (bytes.get(module) ?? 0) + 1)
    }
  }
  return bytes
}

interface Measured {
  /** Compressed */
  readonly bytes: number
  /** Not compressed. */
  readonly modules: () => ReadonlyMap<string, number>
}

/** Bundles a program that finds its packages from a folder. */
export const measure = async (name: keyof typeof bundlers, program: string, folder: string): Promise<Measured> => {
  mkdirSync(folder, { recursive: true })
  const own = mkdtempSync(join(resolve(folder), "size-"))
  try {
    const file = join(own, "program.ts")
    writeFileSync(file, program)
    const bundles = await bundlers[name](file)
    return {
      bytes: bundles.reduce((bytes, { code }) => bytes + gzipSync(code, { level: 9 }).length, 0),
      modules: () => {
        const all = new Map<string, number>()
        for (const bundle of bundles) {
          for (const [module, bytes] of modulesOf(bundle)) all.set(module, (all.get(module) ?? 0) + bytes)
        }
        return all
      }
    }
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}
