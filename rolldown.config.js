/** A file for each public module and a few that they share: to import the root loads half the files that `src` has. */
import { globSync } from "node:fs"
import { defineConfig } from "rolldown"

const entries = globSync(["src/*.ts", "src/{stores,serializers,locks}/*.ts", "src/testing/index.ts"])
  .filter((file) => file !== "src/index.ts")

const output = { dir: "dist", format: "esm", sourcemap: true, chunkFileNames: "internal/[name].js" }

export default defineConfig([
  {
    input: Object.fromEntries(entries.map((file) => [file.slice("src/".length, -".ts".length), file])),
    external: /^[^./]/,
    output
  },
  {
    // only names what is beside it, so that the bundlers of users can leave out what they do not use
    input: "src/index.ts",
    external: /\.\/.*\.ts$/,
    output: { ...output, paths: (id) => id.replace(/^.*\/src\//, "./").replace(/\.ts$/, ".js") }
  }
])
