/** The folder of a test decides in which project it runs; the project `virtual` waits for nothing real. */
import { describe, expect, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import config from "../../vitest.config.ts"

const root = resolve(import.meta.dirname, "../..")

interface Project {
  readonly test: { readonly name: string; readonly include: Array<string>; readonly exclude?: Array<string> }
}

const projects = (config as unknown as { readonly test: { readonly projects: ReadonlyArray<Project> } }).test.projects
const filesOf = (name: string): ReadonlyArray<string> => {
  const { exclude = [], include } = projects.find(({ test }) => test.name === name)!.test
  return globSync(include, { cwd: root, exclude })
}

describe("projects", () => {
  it("have all tests, and each once", () => {
    const found = projects.flatMap(({ test }) => filesOf(test.name))
    expect(found.toSorted()).toEqual(globSync("test/**/*.test.ts", { cwd: root }).toSorted())
  })

  it("name folders and files that are there", () => {
    for (const { test } of projects) {
      for (const glob of [...test.include, ...test.exclude ?? []]) {
        expect(existsSync(join(root, glob.split("/**")[0]!)), glob).toBe(true)
      }
    }
  })

  it("are all in `.ci/run`", () => {
    const scripts = readFileSync(join(root, "package.json"), "utf8") + readFileSync(join(root, ".ci/run"), "utf8")
    const started = Array.from(scripts.matchAll(/--project (\w+)/g), ([, name]) => name)
    expect(started.toSorted()).toEqual(projects.map(({ test }) => test.name).toSorted())
  })

  it.each(filesOf("virtual"))("%s starts no process and no timer", (file) => {
    expect(readFileSync(join(root, file), "utf8"))
      .not.toMatch(/"node:(child_process|worker_threads|timers.*)"|\bset(Timeout|Interval)\(/)
  })
})
