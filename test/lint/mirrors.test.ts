/** A test that is named after a file of `src/` tests that file: a change of the one leads to the other. */
import { describe, expect, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { basename, dirname, join, relative, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** `test/internal/key/id.test.ts` is named after `src/internal/key/id.ts`. */
const sourceOf = (test: string): string => test.replace(/^test\//, "src/").replace(/\.test\.ts$/, ".ts")

/** Whether a test imports the source by its path, or by its name, from the index of its driver. */
const imports = (text: string, test: string, source: string): boolean => {
  const path = relative(dirname(test), source)
  const driver = /^src\/drivers\/(\w+)\//.exec(source)?.[1]
  const name = basename(source, ".ts")
  return text.includes(`"${path}"`) ||
    driver !== undefined && new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from "effect-cached/${driver}"`).test(text)
}

describe("a test that is named after a source", () => {
  const tests = globSync("test/{internal,drivers}/**/*.test.ts", { cwd: root })
    .filter((test) => existsSync(join(root, sourceOf(test))))

  it("is found", () => expect(tests.length).toBeGreaterThan(20))

  it.each(tests)("%s imports it", (test) => {
    expect(imports(readFileSync(join(root, test), "utf8"), test, sourceOf(test))).toBe(true)
  })

  it("is refused where it imports something else", () => {
    const [test, source] = ["test/drivers/files/FilesStore.test.ts", "src/drivers/files/FilesStore.ts"]
    expect(imports(`import { FilesStore } from "effect-cached/files"`, test, source)).toBe(true)
    expect(imports(`import * as Files from "../../../src/drivers/files/FilesStore.ts"`, test, source)).toBe(true)
    expect(imports(`import { name } from "../../../src/drivers/files/name.ts"`, test, source)).toBe(false)
    expect(imports(`import { FilesStore } from "effect-cached"`, test, source)).toBe(false)
  })
})
