/** The functions that pages name exist. */
import { expect, it } from "@effect/vitest"
import * as Root from "effect-cached"
import * as Adapters from "effect-cached/adapters"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

const modules = { ...Root, ...Adapters } as unknown as Readonly<Record<string, object | undefined>>

/** Methods of what a module makes. */
const methods = new Set(["Lock.acquire"])

it("each function of the root that a page names exists", () => {
  const pages = globSync(["{README,AGENTS,SECURITY}.md", "llms.txt", "docs/*.md", "docs/!(maintaining)/**/*.md"], {
    cwd: root
  })
  const named = pages.flatMap((page) =>
    Array.from(
      readFileSync(join(root, page), "utf8").matchAll(/(?<![\w/.])([A-Z]\w+)\.(?!ts\b)([a-z]\w+)\b/g),
      ([name, module, member]) => ({ page, name, module: modules[module!], member: member! })
    )
  ).filter(({ module }) => module !== undefined)
  expect(named.length).toBeGreaterThan(1000)
  const missing = named.filter(({ member, module, name }) => !(member in module!) && !methods.has(name))
  expect(missing.map(({ name, page }) => `${page}: ${name}`)).toEqual([])
})
