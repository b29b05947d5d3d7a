/**
 * The tests run under the Node that a workflow has chosen. The package `node` of devDependencies takes the place of the
 * runner's in npm scripts, so without a look, a job for another version would test this one.
 */
import { expect, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

const versionOf = (name: string): string => execFileSync(name, ["-p", "process.version"], { encoding: "utf8" }).trim()

it("tests and the processes that they start have the Node that the workflow has chosen", () => {
  console.log(`process.version is ${process.version}`)
  const expected = process.env["EXPECTED_NODE"] ?? process.version
  expect(process.version).toBe(expected)
  expect(versionOf(process.execPath)).toBe(expected)
  // Only a script of npm has the package's programs before others.
  if (process.env["npm_lifecycle_event"] !== undefined) expect(versionOf("node")).toBe(expected)
})

it("package.json supports it", () => {
  const { engines } = JSON.parse(readFileSync("package.json", "utf8")) as {
    readonly engines: { readonly node: string }
  }
  const [major, minor] = process.versions.node.split(".").map(Number)
  const [leastMajor, leastMinor] = /\d+\.\d+/.exec(engines.node)![0].split(".").map(Number)
  expect(major! > leastMajor! || (major === leastMajor && minor! >= leastMinor!)).toBe(true)
})
