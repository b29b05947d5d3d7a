/** Circles of imports: of types too, and through the names of `imports` in `package.json`. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseSync } from "rolldown/utils"

/** The files that each file imports. */
type Imports = ReadonlyMap<string, ReadonlyArray<string>>

/** The files behind a name: one for Node, and another one beside it for other platforms. */
const filesOf = (from: string, specifier: string): ReadonlyArray<string> => {
  const [, kind, module] = /^#(node|platform)\/(.+)$/.exec(specifier) ?? []
  if (kind === "node") return [`${module}.ts`]
  if (kind === "platform") return [`internal/${module}.ts`, `internal/${module}WithoutNode.ts`]
  return specifier.startsWith(".") ? [join(dirname(from), specifier)] : []
}

/** The specifiers that a text imports, as written. */
const specifiersIn = (file: string, text: string): ReadonlyArray<string> => {
  const { dynamicImports, staticExports, staticImports } = parseSync(file, text).module
  return [
    ...staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...staticExports.flatMap(({ entries }) => entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? [])),
    ...dynamicImports.map(({ moduleRequest: { end, start } }) => text.slice(start + 1, end - 1))
  ]
}

/** The imports among files, given by their names and texts. */
export const importsAmong = (files: Iterable<readonly [file: string, text: string]>): Imports =>
  new Map(
    Array.from(
      files,
      ([file, text]) => [file, specifiersIn(file, text).flatMap((specifier) => filesOf(file, specifier))]
    )
  )

/** The imports of all files of a folder. */
export const importsOf = (folder: string): Imports =>
  importsAmong(globSync("**/*.ts", { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), "utf8")]))

/** All that a file leads to, by one import or more. */
const reachableFrom = (imports: Imports, file: string): ReadonlySet<string> => {
  const found = new Set<string>()
  const open = [file]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const to of imports.get(next) ?? []) {
      if (found.has(to)) continue
      found.add(to)
      open.push(to)
    }
  }
  return found
}

/** The files that lead to each other: each list is one circle, or several that meet. */
export const circlesOf = (imports: Imports): ReadonlyArray<ReadonlyArray<string>> => {
  const files = [...imports.keys()].toSorted()
  const reachable = new Map(files.map((file) => [file, reachableFrom(imports, file)]))
  const circles = files.map((file) =>
    files.filter((to) => reachable.get(file)!.has(to) && reachable.get(to)!.has(file))
  )
  return circles.filter((circle, i) => circle[0] === files[i])
}
