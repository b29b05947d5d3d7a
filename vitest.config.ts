/** Three projects, one after the other: what needs no clock, what does, and what needs other programs. */
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config"

// Tests import `effect-cached` as a user does; the condition resolves it to `src`.
const conditions = ["effect-cached-source"]

/** Real processes, files, clocks: one file at a time, so that what is measured in milliseconds holds. */
const real = [
  "consistency",
  "deliberateFaults",
  "docs",
  "examples",
  "lint",
  "locks",
  "pack",
  "processes",
  "stores",
  "types"
]
const filesOf = (folders: ReadonlyArray<string>): Array<string> =>
  folders.map((folder) => `test/${folder}/**/*.test.ts`)

const project = (name: string, groupOrder: number, test: TestProjectInlineConfiguration["test"]) => ({
  extends: true as const,
  test: { name, sequence: { groupOrder }, ...test }
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // the project `servers` may have no test
    passWithNoTests: true,
    // a line for every file when it is done
    reporters: [["default", { summary: false }]],
    projects: [
      project("virtual", 0, {
        include: ["test/**/*.test.ts"],
        exclude: filesOf([...real, "servers"]),
        maxWorkers: 2
      }),
      project("real", 1, { include: filesOf(real), fileParallelism: false }),
      project("servers", 2, { include: filesOf(["servers"]), fileParallelism: false })
    ]
  }
})
