/** The tests as three projects, one after the other: under virtual time, in real time, and with other programs. */
import { join } from "node:path"
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

// Tests import `effect-cached` as a user does; the condition resolves it to `src`.
const conditions = ["effect-cached-source"]

/** Processes, files, clocks: one file at a time, so that what is measured in milliseconds holds. */
const real = [
  "consistency",
  "deliberateFaults",
  "docs",
  "drivers",
  "examples",
  "lint",
  "pack",
  "processes",
  "types"
]
const filesOf = (folders: ReadonlyArray<string>): Array<string> =>
  folders.map((folder) => `test/${folder}/**/*.test.ts`)

const project = (name: string, groupOrder: number, test: TestProjectInlineConfiguration["test"]) => ({
  extends: true as const,
  test: { name, sequence: { groupOrder }, ...test }
})

/** Begins with what takes longest, so that no worker is left alone with it at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    const isLong = ({ moduleId }: TestSpecification) => /deepRecursion|oneEngine|matrix|tapStore/.test(moduleId)
    return (await super.sort(files)).sort((a, b) => Number(isLong(b)) - Number(isLong(a)))
  }
}

// where `.ci/run` wants to have a report
const report = process.env["TEST_REPORT"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    sequence: { sequencer: LongestFirst },
    // what hangs is found as well, and what is slow on a busy machine passes
    testTimeout: 120_000,
    projects: [
      project("virtual", 0, {
        include: ["test/**/*.test.ts"],
        exclude: filesOf([...real, "servers"]),
        maxWorkers: 2,
        // files share the modules of their worker: every test makes a cache of its own
        isolate: false
      }),
      project("real", 1, {
        include: filesOf(real),
        fileParallelism: false,
        // processes that are started load what others have compiled
        env: { NODE_COMPILE_CACHE: join(import.meta.dirname, ".cache/compiled") }
      }),
      project("servers", 2, { include: filesOf(["servers"]), fileParallelism: false })
    ]
  }
})
