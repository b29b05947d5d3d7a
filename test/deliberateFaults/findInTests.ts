/** Looks for a deliberate fault with one file of the tests. */
import { execFile } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { environmentIn, inCopy, withFault } from "./copies.ts"
import type { UnitFault } from "./fault.ts"

/** A fault may leave nothing but a loop without an end. */
const timeoutMillis = 180_000

/** For all files, one after the other. */
export const allTimeoutMillis = 1_800_000

/** The first test of the file that fails with the fault. */
export const findFault = (fault: UnitFault): Promise<string | undefined> =>
  withFault(
    fault,
    async (copy) => (await failedOf(copy, [fault.by], ["--bail=1", "--testTimeout=5000"], timeoutMillis))[0]
  )

/**
 * The tests of some files that fail without any fault, in such a copy. There must be none: otherwise a failure with a
 * fault says nothing about it.
 */
export const failedWithoutFault = (files: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  inCopy((copy) => failedOf(copy, files, [], allTimeoutMillis))

/** The output of vitest's `json` reporter. */
interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string; readonly fullName: string }>
  }>
}

const failedOf = async (
  copy: string,
  files: ReadonlyArray<string>,
  more: ReadonlyArray<string>,
  timeout: number
): Promise<ReadonlyArray<string>> => {
  const { testResults } = await reportOf(copy, files, more, timeout)
  // A file that cannot be loaded finds nothing.
  const broken = testResults.find(({ assertionResults }) => assertionResults.length === 0)
  if (broken !== undefined) throw new Error(`${broken.name} has run no test: ${broken.message}`)
  if (testResults.length !== files.length) throw new Error(`of ${files.join()} only ${testResults.length} have run`)
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ fullName, status }) => status === "failed" ? fullName : [])
  )
}

const reportOf = (
  copy: string,
  files: ReadonlyArray<string>,
  more: ReadonlyArray<string>,
  timeout: number
): Promise<Report> =>
  new Promise((resolve, reject) => {
    const report = join(copy, "report.json")
    rmSync(report, { force: true })
    const args = [
      join(copy, "node_modules/vitest/vitest.mjs"),
      "run",
      ...files,
      ...["--root", copy, "--maxWorkers", "1", "--reporter", "json", "--outputFile", report],
      ...["--fsModuleCachePath", join(copy, ".cache/modules")],
      ...more
    ]
    execFile(
      process.execPath,
      args,
      { cwd: copy, env: environmentOf(copy), timeout, maxBuffer: 1 << 28 },
      // It ends with 1 where a test fails.
      (error, out, warnings) =>
        existsSync(report)
          ? resolve(JSON.parse(readFileSync(report, "utf8")) as Report)
          : reject(new Error(`${files.join()} gave no report: ${String(error)} ${out} ${warnings}`))
    )
  })

/** Without what the vitest around it has set, and without its report. */
const environmentOf = (copy: string): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environmentIn(copy)).filter(([name]) => !name.startsWith("VITEST") && !name.startsWith("TEST"))
  )
