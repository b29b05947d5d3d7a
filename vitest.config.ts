import { defineConfig } from "vitest/config"

// Tests import `effect-cached` as a user does; the condition resolves it to `src`.
const conditions = ["effect-cached-source"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    // `.ci/run` counts from the JSON report.
    reporters: process.env["CI"] === undefined
      ? ["default"]
      : ["default", ["json", { outputFile: ".cache/vitest.json" }]]
  }
})
