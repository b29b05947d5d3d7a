/**
 * A process that runs files of the tests in a copy of the sources, as often as it is asked to: vitest starts once, and
 * only what has changed is compiled again. Each run has a worker of its own.
 */
import { join, relative } from "node:path"
import { createVitest, type TestModule, type TestUserConfig } from "vitest/node"

/** Paths are from the root of the copy. */
export interface Asked {
  readonly files: ReadonlyArray<string>
  /** The sources that differ from those of the last run. */
  readonly changed: ReadonlyArray<string>
}

/** The result of a file of the tests. */
export interface Ran {
  readonly file: string
  readonly tests: number
  readonly failed: ReadonlyArray<string>
  /** Why the file could not be loaded. */
  readonly message: string
}

export interface Answer {
  readonly ran: ReadonlyArray<Ran>
}

export type Options = Pick<TestUserConfig, "bail" | "testTimeout">

const copy = process.cwd()
const options: Options = JSON.parse(process.argv[2]!)
let ran: Array<Ran> = []

const vitest = await createVitest({
  root: copy,
  watch: false,
  maxWorkers: 1,
  fsModuleCachePath: join(copy, ".cache/modules"),
  reporters: [{
    onTestModuleEnd: (module: TestModule) => {
      const tests = [...module.children.allTests()]
      ran.push({
        file: relative(copy, module.moduleId),
        tests: tests.length,
        failed: tests.flatMap((test) => {
          const { errors, state } = test.result()
          return state === "failed" ? `${test.fullName}: ${errors.map(({ message }) => message).join()}` : []
        }),
        message: module.errors().map(({ message }) => message).join()
      })
    }
  }],
  ...options
})
await vitest.standalone()

process.on("message", async ({ changed, files }: Asked) => {
  ran = []
  for (const file of changed) vitest.invalidateFile(join(copy, file))
  await vitest.runTestSpecifications(await vitest.globTestSpecifications(files.map((file) => join(copy, file))))
  process.send!({ ran } satisfies Answer)
})
process.once("disconnect", () => process.exit())
