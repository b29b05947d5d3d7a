/**
 * The package: a file for each public module, and some for what several of them share. Declarations are bundled in the
 * same way, from what the compiler has written into `.cache/declarations`.
 */
import { MagicString } from "magic-string"
import { globSync, readFileSync } from "node:fs"
import { dirname, isAbsolute, relative, resolve } from "node:path"
import { defineConfig } from "rolldown"
import { dts } from "rolldown-plugin-dts"
import { Visitor } from "rolldown/utils"
import page from "./rolldown.page.js"

const { exports } = JSON.parse(readFileSync("package.json", "utf8"))

const everything = (pattern) => pattern.replace("*", "**/*")

/** Modules that a pattern of `exports` does not give to users. */
const closed = Object.keys(exports).filter((name) => exports[name] === null)
  .map((name) => everything(`src/${name.slice("./".length)}.ts`))

const modules = Object.values(exports).flatMap((target) => {
  const source = target?.["effect-cached-source"]
  if (source === undefined) return []
  return source.includes("*") ? globSync(everything(source), { exclude: closed }) : [source.slice("./".length)]
}).filter((file) => file !== "src/index.ts")

/** What modules import by the names of `imports` in package.json: the file for Node, and the one for other platforms. */
const imported = globSync("src/**/*.ts").flatMap((file) =>
  Array.from(
    readFileSync(file, "utf8").matchAll(/(?:from |import\()"#(node|platform)\/([^"]+)"/g),
    ([, kind, module]) =>
      kind === "node" ? [`src/${module}.ts`] : ["", "WithoutNode"].map((end) => `src/internal/${module}${end}.ts`)
  ).flat()
)

const entries = new Set([
  ...modules,
  ...imported,
  "src/internal/noNode.ts",
  // the command loads it later
  "src/config/stores.ts",
  // a part that only what is loaded later has
  "src/internal/eviction/nodes.ts"
])

const ofTypes = (types, visit) => Object.fromEntries(types.map((type) => [type, visit]))

const skipped = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression", "ExpressionStatement"]

const looked = ["SpreadElement", "MemberExpression", "Property", "MethodDefinition", "PropertyDefinition"]

/** What bundlers take for a use, outside of functions: the value may have a getter, or a conversion. */
const isPerhapsUse = ({ callee, computed, object, type }, namespaces) =>
  type === "SpreadElement" ||
  (type === "CallExpression" && callee.type === "MemberExpression" && !namespaces.has(callee.object.name)) ||
  (type === "MemberExpression" && (computed || !namespaces.has(object.name))) ||
  (/^(Property|MethodDefinition|PropertyDefinition)$/.test(type) && computed)

/**
 * Marks what makes the constants of a module as pure: bundlers of users then leave out the constants that are not used.
 * Statements are left as they are. Comments for users are removed, because the declarations have them.
 */
const forUsers = {
  name: "for-users",
  renderChunk(code) {
    const text = new MagicString(code).replaceAll(/^\/\*\*\n(?:\*.*\n)*?\* @since .*\n\*\/\n/gm, "")
    const namespaces = new Set(Array.from(code.matchAll(/^import \* as (\w+)/gm), ([, name]) => name))
    let notNow = 0
    let isUse = false
    const enter = () => void notNow++
    const leave = () => void notNow--
    const look = (node) => {
      if (notNow === 0) isUse ||= isPerhapsUse(node, namespaces)
    }
    const mark = (node) => {
      look(node)
      if (notNow === 0) text.prependLeft(node.start, "/*#__PURE__*/ ")
    }
    const visitor = new Visitor({
      ...ofTypes(skipped, enter),
      ...ofTypes(skipped.map((type) => `${type}:exit`), leave),
      ...ofTypes(looked, look),
      CallExpression: mark,
      NewExpression: mark,
      VariableDeclarator() {
        if (notNow === 0) isUse = false
      },
      "VariableDeclarator:exit"({ init }) {
        if (notNow === 0 && isUse) text.prependLeft(init.start, "/*#__PURE__*/ (() => (").appendRight(init.end, "))()")
      }
    })
    visitor.visit(this.parse(code))
    return { code: text.toString(), map: text.generateMap({ hires: true }) }
  }
}

const declarations = resolve(".cache/declarations")

/** The file of the package that has the path of a module. */
const fileOf = (id) =>
  relative(id.startsWith(declarations) ? declarations : "src", id).replaceAll("\\", "/").replace(/(\.d)?\.ts$/, ".js")

/** The name of a module that stays outside. */
const paths = (id) => isAbsolute(id) ? `./${fileOf(id)}` : id

/** What several files share is in a file with the path of its last module. */
const chunkFileNames = ({ moduleIds: [...ids], name }) => {
  const last = ids.pop() ?? ""
  if (name === "root") return "internal/root.js"
  return `internal/${isAbsolute(last) ? fileOf(last).replace("internal/", "") : "[name].js"}`
}

/** The modules that a file names in imports of this form. */
const named = (file, form) =>
  Array.from(readFileSync(file, "utf8").matchAll(form), ([, name]) => resolve(dirname(file), name))

/** These modules, and all that they load at once, without the files of `imports` in package.json. */
const loadedBy = (files) => {
  const all = new Set(Array.from(files, (file) => resolve(file)))
  for (const file of all) {
    for (const name of named(file, /^(?:im|ex)port (?!type\b)[^;"]*?from "(\.[^"]+)"/gm)) all.add(name)
  }
  return all
}

/**
 * A start reads one file for all that the root loads. What else loads stays in files of its own, so that it does not load
 * that one: the files of `imports`, what is loaded later, and what the command loads.
 */
const byImports = imported.filter((file) => file.startsWith("src/internal/"))
const atOnce = loadedBy(["src/index.ts"])
const later = [...atOnce, ...byImports].flatMap((file) => named(file, /import\("(\.[^"]+)"/g))
const ofRoot = atOnce.difference(loadedBy(["src/CacheError.ts", ...byImports, ...later]))

const output = { dir: "dist", format: "esm", chunkFileNames }

const bundledDeclarations = dts({ dtsInput: true, oxc: true, tsconfig: false })

const nameOf = (file) => file.slice("src/".length, -".ts".length)

/** Whether an import of the command stays one: modules that programs use too, and packages other than that of Node. */
const isOutsideOfCommand = (id, importer = "") => {
  if (/^(effect|node:)/.test(id)) return true
  if (/@effect[/\\]platform-node/.test(`${importer} ${id}`)) return false
  if (!id.startsWith(".") && !isAbsolute(id)) return true
  return !/^(cli|internal)\//.test(fileOf(resolve(dirname(importer), id)))
}

export default defineConfig([
  {
    input: Object.fromEntries(Array.from(entries, (file) => [nameOf(file), file])),
    external: /^[^./]/,
    plugins: [forUsers],
    output: {
      ...output,
      codeSplitting: { groups: [{ name: "root", test: (id) => ofRoot.has(id), includeDependenciesRecursively: false }] }
    }
  },
  {
    // only names what is beside it, so that the bundlers of users can leave out what they do not use
    input: "src/index.ts",
    external: /\.\/.*\.ts$/,
    output: { ...output, paths }
  },
  page,
  {
    // the command: one file, with what it needs of the platform package
    input: { bin: "src/cli/main.ts" },
    platform: "node",
    external: isOutsideOfCommand,
    output: { ...output, paths, banner: "#!/usr/bin/env node", codeSplitting: false }
  },
  {
    input: Object.fromEntries(modules.map((file) => [`${nameOf(file)}.d`, `${declarations}/${nameOf(file)}.d.ts`])),
    external: /^[^./#]/,
    resolve: { alias: { "#node": declarations, "#platform": `${declarations}/internal` } },
    plugins: [bundledDeclarations],
    checks: { bundlerTimings: false },
    // beside the tag with its name, the type of a port would be shown as `Lock$1`
    output: { ...output, codeSplitting: { groups: [{ name: "ports.d", test: /\/ports\// }] } }
  },
  {
    input: { "index.d": `${declarations}/index.d.ts` },
    external: /\.\/.*\.ts$/,
    plugins: [bundledDeclarations],
    output: { ...output, paths }
  }
])
