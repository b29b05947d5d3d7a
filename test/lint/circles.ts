/** Circles of imports, of types too, which `import/no-cycle` does not look at. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** What each file imports. */
type Imports = ReadonlyMap<string, ReadonlyArray<string>>

/** The relative imports of all files of a folder. */
export const importsOf = (folder: string): Imports =>
  new Map(
    globSync("**/*.ts", { cwd: folder }).map((file) => [
      file,
      [...readFileSync(join(folder, file), "utf8").matchAll(/^(?:import|export|\}).* from "(\..*)"$/gm)]
        .map(([, specifier]) => join(dirname(file), specifier!))
    ])
  )

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

/** The files that lead to each other, where they are not all in one folder. */
export const circlesAcrossFolders = (imports: Imports): ReadonlyArray<ReadonlyArray<string>> => {
  const files = [...imports.keys()]
  const reachable = new Map(files.map((file) => [file, reachableFrom(imports, file)]))
  const circles = files.map((file) =>
    files.filter((to) => reachable.get(file)!.has(to) && reachable.get(to)!.has(file))
  )
  return circles.filter((circle, i) => circle[0] === files[i] && new Set(circle.map((file) => dirname(file))).size > 1)
}
