/**
 * Writes the pages into `src/content/docs/`: README.md, the pages of docs/ that are not for maintainers, and
 * the modules. With `SITE_PAGES`, a pattern, it writes only the pages whose paths match.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Item, sidebar } from "./map.ts"
import { type Page, pageOf, plain, written } from "./markdown.ts"
import { modules } from "./modules.ts"
import { programsOf } from "./programs.ts"
import { read, root } from "./repository.ts"

const folder = join(root, "site/src/content/docs")

const slugOf = (file: string): string =>
  file === "README.md" ? "" : file === "docs/README.md" ? "map" : file.replace(/^docs\//, "").replace(/\.md$/, "")

/** The first page: the first line of README.md is large. */
const home = (page: Page, first: string): Page => {
  const [tagline = "", ...rest] = page.body.split("\n")
  return {
    ...page,
    body: rest.join("\n"),
    matter: {
      template: "splash",
      hero: {
        tagline: plain(tagline),
        actions: [
          { text: "Get started", link: `./${first}/`, icon: "right-arrow" },
          { text: "The map", link: "./map/", variant: "minimal" }
        ]
      }
    }
  }
}

/** A file that is as it was is not touched: the server would make its page again. */
const writeChanged = (file: string, text: string): void => {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

export interface Written {
  readonly sidebar: ReadonlyArray<Item>
  /** The programs that run in a browser. */
  readonly programs: ReadonlyArray<string>
}

/** The modules are made once: it takes the compiler a while. */
let made: ReadonlyArray<Page> | undefined

export const writePages = (): Written => {
  const only = new RegExp(process.env["SITE_PAGES"] ?? "")
  const files = globSync(["README.md", "docs/**/*.md"], { cwd: root }).map((file) => file.replaceAll("\\", "/"))
    .filter((file) => !file.startsWith("docs/maintaining/")).toSorted()
    .filter((file) => /README/.test(file) || only.test(file))
  const documented = made ??= modules()
  const destinations = new Map([
    ...files.map((file) => [file, slugOf(file)] as const),
    ["docs", "map"] as const,
    ...documented.map(({ slug }) =>
      [`docs/api/${slug === "modules" ? "index" : slug.slice("modules/".length)}.txt`, slug] as const
    )
  ])
  const map = read("docs/README.md")
  const pages = files.map((file) => pageOf(file, slugOf(file), destinations))
  const order = sidebar(map, pages.filter(({ slug }) => slug !== ""), "map")
  const first = slugOf(`docs/${/\]\(([^)#]+\.md)/.exec(map)![1]!}`)
  const contents = new Map<string, string>(
    [...pages.map((page) => page.slug === "" ? home(page, first) : page), ...documented].map((page) =>
      [`${page.slug === "" ? "index" : page.slug}.md`, written(page)] as const
    )
  )
  for (const file of globSync("**/*.md", { cwd: folder })) {
    if (!contents.has(file.replaceAll("\\", "/"))) rmSync(join(folder, file))
  }
  for (const [file, text] of contents) writeChanged(join(folder, file), text)
  const items = documented.toSorted((a, b) => a.slug < b.slug ? -1 : 1)
    .map(({ slug, title }) => ({ label: slug === "modules" ? "All modules" : title, link: `/${slug}/` }))
  return {
    sidebar: [...order, { label: "Modules", collapsed: true, items }],
    programs: [...pages, ...documented].flatMap(({ body }) => programsOf(body))
  }
}
