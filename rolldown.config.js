/** A file for each public module and a few that they share: to import the root loads half the files that `src` has. */
import { MagicString } from "magic-string"
import { globSync, readFileSync } from "node:fs"
import { dirname, isAbsolute, relative, resolve } from "node:path"
import { defineConfig } from "rolldown"
import { Visitor } from "rolldown/utils"

/** What modules import by the names of `imports` in package.json: the file for Node, and the one for other platforms. */
const imported = globSync("src/**/*.ts").flatMap((file) =>
  Array.from(
    readFileSync(file, "utf8").matchAll(/(?:from |import\()"#(node|platform)\/([^"]+)"/g),
    ([, kind, module]) =>
      kind === "node" ? [`src/${module}.ts`] : ["", "WithoutNode"].map((end) => `src/internal/${module}${end}.ts`)
  ).flat()
)

const entries = [
  ...new Set([
    ...globSync([
      "src/*.ts",
      "src/serializers/*.ts",
      "src/drivers/*/{index,[A-Z]*}.ts",
      "src/{adapters,bridges,config,explain,http,pipeline,schemas,testing}/index.ts"
    ]),
    ...imported,
    "src/internal/noNode.ts",
    // a part that only what is loaded later has
    "src/internal/eviction/nodes.ts"
  ])
].filter((file) => file !== "src/index.ts")

/**
 * Marks the calls that make the constants of a module as pure: bundlers of users then leave out the constants that are
 * not used. Statements are left as they are.
 */
const annotatePureCalls = {
  name: "annotate-pure-calls",
  renderChunk(code) {
    const text = new MagicString(code)
    let notNow = 0
    const enter = () => void notNow++
    const leave = () => void notNow--
    const mark = ({ start }) => notNow === 0 && text.prependLeft(start, "/*#__PURE__*/ ")
    const skipped = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression", "ExpressionStatement"]
    const visitor = new Visitor({
      ...Object.fromEntries(skipped.flatMap((type) => [[type, enter], [`${type}:exit`, leave]])),
      CallExpression: mark,
      NewExpression: mark
    })
    visitor.visit(this.parse(code))
    return text.hasChanged() ? { code: text.toString(), map: text.generateMap({ hires: true }) } : null
  }
}

const paths = (id) => id.replace(/^.*\/src\//, "./").replace(/\.ts$/, ".js")

const output = { dir: "dist", format: "esm", sourcemap: true, chunkFileNames: "internal/[name].js" }

/** Whether an import of the command stays one: modules that programs use too, and packages other than that of Node. */
const isOutsideOfCommand = (id, importer = "") => {
  if (/^(effect|node:)/.test(id)) return true
  if (/@effect[/\\]platform-node/.test(`${importer} ${id}`)) return false
  if (!id.startsWith(".") && !isAbsolute(id)) return true
  const file = relative("src", resolve(dirname(importer), id)).replaceAll("\\", "/")
  return !/^(cli|internal)\//.test(file)
}

export default defineConfig([
  {
    input: Object.fromEntries(entries.map((file) => [file.slice("src/".length, -".ts".length), file])),
    external: /^[^./]/,
    plugins: [annotatePureCalls],
    output
  },
  {
    // only names what is beside it, so that the bundlers of users can leave out what they do not use
    input: "src/index.ts",
    external: /\.\/.*\.ts$/,
    output: { ...output, paths }
  },
  {
    // the command: one file, with what it needs of the platform package
    input: { bin: "src/cli/main.ts" },
    platform: "node",
    external: isOutsideOfCommand,
    output: { ...output, paths, banner: "#!/usr/bin/env node", codeSplitting: false, sourcemap: false }
  }
])
