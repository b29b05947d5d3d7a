/** Counts vitest's JSON report in one line. A test that did not run counts as a failure of the whole. */
import { existsSync, readFileSync } from "node:fs"

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

const path = ".cache/vitest.json"
const nothing: Report = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: []
}
const report = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) as Report : nothing

const hasFailed = ({ status }: Outcome): boolean => status === "failed"
// A file that failed without a failed test: it could not be loaded, or its `beforeAll` failed.
const brokenFiles = report.testResults.filter((file) => hasFailed(file) && !file.assertionResults.some(hasFailed))
const failed = report.numFailedTests + brokenFiles.length
const skipped = report.numPendingTests + report.numTodoTests

console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = report.numPassedTests > 0 && failed + skipped === 0 ? 0 : 1
