/** Counts all of vitest's JSON reports in one line. A test that did not run counts as a failure of the whole. */
import { globSync, readFileSync } from "node:fs"

interface Outcome {
  readonly status: string
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<Outcome & { readonly assertionResults: ReadonlyArray<Outcome> }>
}

const reports = globSync(".cache/tests/*.json").map((path): Report => JSON.parse(readFileSync(path, "utf8")))
const sum = (count: (report: Report) => number): number => reports.reduce((total, report) => total + count(report), 0)

const hasFailed = ({ status }: Outcome): boolean => status === "failed"
// A file that failed without a failed test: it could not be loaded, or its `beforeAll` failed.
const brokenFiles = ({ testResults }: Report): number =>
  testResults.filter((file) => hasFailed(file) && !file.assertionResults.some(hasFailed)).length

const passed = sum(({ numPassedTests }) => numPassedTests)
const failed = sum((report) => report.numFailedTests + brokenFiles(report))
const skipped = sum(({ numPendingTests, numTodoTests }) => numPendingTests + numTodoTests)

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = passed > 0 && failed + skipped === 0 ? 0 : 1
