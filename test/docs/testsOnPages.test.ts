/** The tests that pages and programs show pass. Their blocks need vitest, so they do not run as the other blocks do. */
import { expect, it } from "@effect/vitest"
import { join } from "node:path"
import { documented, nameOf, write } from "./write.ts"

const shown = documented.filter(({ code, file }) =>
  file.endsWith("/services.md") && code.includes(`from "@effect/vitest"`)
)

it("a page and a program show tests", () =>
  expect(shown.map(({ file }) => file)).toEqual(["docs/services.md", "test/docs/programs/services.md"]))

const target = write(shown, "shownTests")
for (const block of shown) await import(join(target, nameOf(block)))
