/** The public declarations of the package with their comments, by the module that a program names before them. */
import { globSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

export interface Documented {
  readonly name: string
  readonly isValue: boolean
  readonly doc: string
}

const declaration = /^export (?:declare )?(const|class|interface|type|function) (\w+)/

/** Every exported declaration with the comment that ends on the line before it. */
export const declarationsOf = (text: string): ReadonlyArray<Documented> => {
  const lines = text.split("\n")
  const found = new Map<string, Documented>()
  for (const [index, line] of lines.entries()) {
    const [, kind, name] = declaration.exec(line) ?? []
    const isValue = kind !== "interface" && kind !== "type"
    // The first signature of a function carries its comment.
    if (name === undefined || found.has(`${name} ${isValue}`)) continue
    const isDocumented = lines[index - 1]?.trimEnd().endsWith("*/") === true
    const start = isDocumented ? lines.findLastIndex((line, i) => i < index && line.startsWith("/**")) : index
    found.set(`${name} ${isValue}`, { name, isValue, doc: lines.slice(start, index).join("\n") })
  }
  return Array.from(found.values())
}

const passedOn = /^export (?:type )?(\*|\{[^}]*\}) from "(\..+)"$/gm

/** The declarations of a file, and those of other files that it exports under their own names. */
const exportsOf = (file: string): ReadonlyArray<Documented> => {
  const text = read(file)
  const others = Array.from(text.matchAll(passedOn), ([, list, source]) => {
    const all = exportsOf(join(dirname(file), source!))
    const names = new Set(list!.match(/\w+/g))
    return list === "*" ? all : all.filter(({ name }) => names.has(name))
  })
  return [...declarationsOf(text), ...others.flat()].filter(({ doc }) => !doc.includes("@internal"))
}

const entryPoints = globSync([
  "src/*.ts",
  "src/serializers/*.ts",
  "src/{adapters,bridges,config,explain,http,inspector,pipeline,schemas,testing}/index.ts",
  "src/drivers/*/index.ts"
], {
  cwd: root
})

/** The name of an entry point: of its folder if it is the only one in it. */
const nameOf = (file: string): string => file.endsWith("/index.ts") ? basename(dirname(file)) : basename(file, ".ts")

const modulesOf = (file: string): ReadonlyArray<readonly [name: string, file: string]> => [
  [nameOf(file), file],
  ...Array.from(
    read(file).matchAll(/^export \* as (\w+) from "(\..+)"$/gm),
    ([, name, source]) => [name!, join(dirname(file), source!)] as const
  )
]

/** The public declarations by module: `Cached`, `RedisStore`, `testing`, …. */
export const publicModules: ReadonlyMap<string, ReadonlyArray<Documented>> = new Map(
  entryPoints.flatMap(modulesOf).toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, file]) => [name, exportsOf(file)])
)
