/** Unused exports: of a file that is no entry of the package, and that no other file imports. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path/posix"
import { parseSync } from "rolldown/utils"

/** Files that a program can import: all their exports count as used. */
const isEntry = (file: string): boolean =>
  /^src\/(serializers\/)?\w+\.ts$|^src\/(bridges|config|explain|http|inspector|pipeline|drivers\/\w+)\/[A-Z]\w+\.ts$|^src\/(adapters|bridges|config|explain|http|inspector|pipeline|schemas|testing|drivers\/\w+)\/index\.ts$/
    .test(file)

/** The exports below `src` that nothing there or in the tests reads, as `file: name`. */
export const needlessExports = (root: string): ReadonlyArray<string> => {
  const exported: Array<readonly [file: string, name: string]> = []
  const read = new Set<string>()
  for (const file of globSync(["src/**/*.{ts,tsx}", "test/**/*.ts"], { cwd: root, exclude: ["**/*.d.ts"] })) {
    const text = readFileSync(join(root, file), "utf8")
    const { staticExports, staticImports } = parseSync(file, text).module
    const note = (specifier: string, name: string) => {
      // As `imports` of package.json maps it: to one file, or to another beside it.
      const ofPlatform = /^#platform\/(.*)$/.exec(specifier)?.[1]
      if (ofPlatform === undefined) read.add(`${join(dirname(file), specifier)}: ${name}`)
      else for (const end of ["", "WithoutNode"]) read.add(`src/internal/${ofPlatform}${end}.ts: ${name}`)
    }
    for (const { entries, moduleRequest } of staticImports) {
      for (const { importName, localName } of entries) {
        if (importName.kind === "Name") note(moduleRequest.value, importName.name!)
        // Only the members of a namespace that are used.
        const members = new RegExp(`\\b${localName.value}\\s*\\.\\s*(\\w+)`, "g")
        if (importName.kind !== "Name") {
          for (const [, name] of text.matchAll(members)) note(moduleRequest.value, name!)
        }
      }
    }
    for (const { exportName, importName, moduleRequest } of staticExports.flatMap(({ entries }) => entries)) {
      if (moduleRequest !== null) note(moduleRequest.value, importName.kind === "Name" ? importName.name! : "*")
      else if (!isEntry(file)) exported.push([file, exportName.name ?? "default"])
    }
    // A dynamic import names no members.
    for (const [, specifier] of text.matchAll(/import\("(\.[^"]+)"\)/g)) note(specifier!, "*")
    // As `imports` of package.json maps it.
    for (const [, module] of text.matchAll(/import\("#node\/([^"]+)"\)/g)) read.add(`src/${module}.ts: *`)
  }
  return exported.filter(([file, name]) =>
    file.startsWith("src/") && !read.has(`${file}: *`) && !read.has(`${file}: ${name}`)
  ).map(([file, name]) => `${file}: ${name}`)
}
