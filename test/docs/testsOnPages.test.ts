/** The tests that a page shows pass. Their blocks need vitest, so they do not run as the other blocks do. */
import { expect, it } from "@effect/vitest"
import { join } from "node:path"
import { documented, nameOf, write } from "./write.ts"

const shown = documented.filter(({ code, file }) =>
  file === "docs/services.md" && code.includes(`from "@effect/vitest"`)
)

it("a page shows tests", () => expect(shown).toHaveLength(1))

const target = write(shown, "shownTests")
for (const block of shown) await import(join(target, nameOf(block)))
