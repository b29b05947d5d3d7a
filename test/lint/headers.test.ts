/** Every file begins with what it is. */
import { expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

it("every source, test, example and script begins with a comment", () => {
  const files = globSync(["{src,test,examples,.ci}/**/*.{ts,js,mjs}", "*.ts"], {
    cwd: root,
    exclude: ["test/.docs/**", "**/node_modules/**", ".ci/node_modules/**"]
  })
  expect(files.length).toBeGreaterThan(300)
  expect(files.filter((file) => !readFileSync(join(root, file), "utf8").startsWith("/**"))).toEqual([])
})
