/**
 * Counts all of vitest's JSON reports in one line, after a line for each test that failed or did not run. A test that
 * did not run counts as a failure of the whole.
 */
import { globSync, readFileSync } from "node:fs"
import { relative } from "node:path"

interface Outcome {
  readonly status: string
}

interface Test extends Outcome {
  readonly fullName: string
  readonly failureMessages?: ReadonlyArray<string>
}

interface File extends Outcome {
  readonly name: string
  readonly message: string
  readonly assertionResults: ReadonlyArray<Test>
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<File>
}

const reports = globSync(".cache/tests/*.json").map((path): Report => JSON.parse(readFileSync(path, "utf8")))
const sum = (count: (report: Report) => number): number => reports.reduce((total, report) => total + count(report), 0)

const hasFailed = ({ status }: Outcome): boolean => status === "failed"
// A file that failed without a failed test: it could not be loaded, or its `beforeAll` failed.
const isBroken = (file: File): boolean => hasFailed(file) && !file.assertionResults.some(hasFailed)

const tell = (file: File, outcome: string, why: string | null | undefined): void =>
  console.log(
    `${relative(process.cwd(), file.name)}: ${outcome}: ${
      (why ?? "").split("\n").slice(0, 3).join(" | ").slice(0, 400)
    }`
  )

for (const file of reports.flatMap(({ testResults }) => testResults)) {
  if (isBroken(file)) tell(file, "broken", file.message)
  for (const test of file.assertionResults) {
    if (test.status !== "passed") tell(file, `${test.fullName}: ${test.status}`, test.failureMessages?.[0])
  }
}

const passed = sum(({ numPassedTests }) => numPassedTests)
const failed = sum(({ numFailedTests, testResults }) => numFailedTests + testResults.filter(isBroken).length)
const skipped = sum(({ numPendingTests, numTodoTests }) => numPendingTests + numTodoTests)

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = passed > 0 && failed + skipped === 0 ? 0 : 1
