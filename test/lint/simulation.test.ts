/** Schedules judge what users see: a cache that marks its own state wrongly must not acquit itself. */
import { expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

it.each(globSync("test/simulation/**/*.ts", { cwd: root }))("%s imports nothing of the engine", (file) => {
  expect(readFileSync(join(root, file), "utf8")).not.toMatch(/from ".*\/src\/internal\/engine\//)
})
