/**
 * The public types as text, one file an entry point of the package: `npm run generate` writes them to `docs/api/`,
 * where a review sees what a change does to users.
 *
 * They are the compiler's declarations without comments, without what is `@internal`, each entry point's in the order
 * of the alphabet. What an entry point passes on from another file is written out; helper types that are not exported
 * follow what uses them.
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** The folder of the files. */
export const folder = join(root, "docs/api")

const entryPoints = (): ReadonlyArray<string> =>
  globSync([
    "*.ts",
    "serializers/*.ts",
    "drivers/*/index.ts",
    "{adapters,bridges,config,explain,http,inspector,pipeline,schemas,testing}/index.ts"
  ], {
    cwd: join(root, "src")
  })
    .toSorted()

const fileOf = (entryPoint: string): string =>
  `${/^(?:drivers\/)?(.*?)(?:\/index)?\.ts$/.exec(entryPoint)![1] || "index"}.txt`

/** A declaration, and the helpers that are not exported and that it needs. */
type Declared = ReadonlyArray<readonly [name: string, text: string]>

/** By name, in the order of the sources; a namespace has exports of its own. */
export type Exports = Map<string, Declared | Exports>

const declaration = /^(?:export )?(?:declare )?(?:abstract )?(?:const|function|class|interface|type) ([\w$]+)/

const comment = /\/\*\*.*?\*\/\n?/gs

/** The text of a declaration without its comments. */
export const codeOf = (text: string): string => text.replaceAll(comment, "")

/**
 * One statement begins in the first column with one of these words, or with its comment; later lines are indented, or
 * close a bracket.
 */
const statementsOf = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let before = ""
  for (const part of text.trim().split(/\n(?=\/\*\*|(?:import|export|declare|abstract|interface|type|class)\b)/)) {
    if (part.endsWith("*/")) before += `${part}\n`
    else {
      found.push(before + part)
      before = ""
    }
  }
  return found
}

const withHelpers = (name: string, text: string, helpers: ReadonlyMap<string, string>): Declared => {
  const all = new Map([[name, text]])
  // A map iterates over what is added to it meanwhile.
  for (const one of all.values()) {
    for (const [helper, its] of helpers) if (new RegExp(`\\b${helper}\\b`).test(codeOf(one))) all.set(helper, its)
  }
  return [...all]
}

const readerOf = (emitted: string, isEntryPoint: (file: string) => boolean): (file: string) => Exports => {
  const read = (file: string): Exports => {
    const own = new Map<string, string>()
    const helpers = new Map<string, string>()
    const rest: Array<string> = []
    for (const statement of statementsOf(readFileSync(join(emitted, file.replace(/ts$/, "d.ts")), "utf8"))) {
      const [, name] = declaration.exec(codeOf(statement)) ?? []
      if (name === undefined) rest.push(codeOf(statement))
      else {
        const to = codeOf(statement).startsWith("export ") ? own : helpers
        const overload = to.get(name)
        to.set(name, overload === undefined ? statement : `${overload}\n${statement}`)
      }
    }
    const exported: Exports = new Map(
      Array.from(own, ([name, text]) => [name, [...withHelpers(name, text, helpers), ...renamed(file, text, rest)]])
    )
    for (const statement of rest) for (const [name, declared] of passedOn(file, statement)) exported.set(name, declared)
    return exported
  }

  /** The type behind a name that is given to that of another file, as `Lock` is to `Port.Lock`. */
  const renamed = (file: string, text: string, statements: ReadonlyArray<string>): Declared => {
    const [, namespace, name] = /^export type \w+ = (\w+)\.(\w+);$/m.exec(codeOf(text)) ?? []
    if (namespace === undefined) return []
    const imported = new RegExp(`^import (?:type )?\\* as ${namespace} from "(\\..+)";$`)
    const [source] = statements.flatMap((statement) => imported.exec(statement)?.[1] ?? [])
    const found = source === undefined ? undefined : read(join(dirname(file), source)).get(name!)
    return found === undefined || found instanceof Map ? [] : found
  }

  /** The exports that an `export … from` adds. */
  const passedOn = (file: string, statement: string): Exports => {
    const [, what, source] = /^export (?:type )?(.+?) from "(.+)";$/s.exec(statement) ?? []
    if (what === undefined || source === undefined) return new Map()
    const target = source.startsWith(".") ? join(dirname(file), source) : undefined
    const [, namespace] = /^\* as (\w+)$/.exec(what) ?? []
    if (namespace !== undefined) {
      const isListed = target === undefined || isEntryPoint(target)
      return new Map([[namespace, isListed ? [[namespace, statement]] : read(target)]])
    }
    if (target === undefined) return new Map([[statement, [[statement, statement]]]])
    const from = read(target)
    if (what === "*") return from
    return new Map(Array.from(what.matchAll(/(\w+)(?: as (\w+))?(?=,| })/g), ([text, name, alias = name]) => {
      const declared = from.get(name!)
      if (declared === undefined) throw new Error(`${file} passes on ${name}, which ${target} does not export`)
      if (alias === name || declared instanceof Map) return [alias!, declared]
      return [alias!, [...declared, [alias!, `export { ${text} };`]]]
    }))
  }

  return read
}

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, "    ")

const written = (exported: Exports): string => {
  const all = Array.from(
    exported,
    ([name, declared]): Declared =>
      declared instanceof Map ? [[name, `export namespace ${name} {\n${indented(written(declared))}\n}`]] : declared
  )
  const texts = new Map(all.flat().map(([name, text]) => [text, name]))
  return Array.from(texts).toSorted(([, a], [, b]) => a < b ? -1 : 1).map(([text]) => text).join("\n\n")
}

/** The exports of each entry point, by its file below `folder`. */
export const publicExports = (comments: "with comments" | "without comments"): ReadonlyMap<string, Exports> => {
  const emitted = mkdtempSync(join(tmpdir(), "effect-cached-api-"))
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    const options = [
      "--declarationMap",
      "false",
      "--removeComments",
      `${comments === "without comments"}`,
      "--stripInternal"
    ]
    const run = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", emitted, ...options], {
      cwd: root,
      encoding: "utf8"
    })
    if (run.status !== 0) throw new Error(run.stdout + run.stderr)
    const all = entryPoints()
    const read = readerOf(emitted, (file) => all.includes(file))
    return new Map(all.map((file) => [fileOf(file), read(file)]))
  } finally {
    rmSync(emitted, { recursive: true, force: true })
  }
}

/** By file name, below `folder`. */
export const publicTypes = (): ReadonlyMap<string, string> =>
  new Map(Array.from(publicExports("without comments"), ([file, exported]) => [file, `${written(exported)}\n`]))
