/** What pages say exists: the files and names of `ARCHITECTURE.md`, and where the links of every page lead. */
import { describe, expect, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, resolve } from "node:path/posix"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")
const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "")

const architecture = read("ARCHITECTURE.md")

/** where a file of `ARCHITECTURE.md` may be */
const folders = ["", "src", "src/internal/engine"]

const find = (path: string): string | undefined =>
  folders.map((folder) => join(folder, path)).find((path) => existsSync(join(root, path)))

describe("ARCHITECTURE.md names", () => {
  const files = architecture.matchAll(/(?<![\w./-])(?:[\w.-]+\/)*[\w.-]+\.(?:ts|js|json|md)\b/g)
  const directories = architecture.matchAll(/`((?:[\w.-]+\/)+)`/g)
  const paths = new Set([...Array.from(files, ([path]) => path), ...Array.from(directories, ([, path]) => path!)])

  it("many files", () => expect(paths.size).toBeGreaterThan(80))

  it.each([...paths])("%s, which exists", (path) => {
    // what stands in its own folder is named without it
    const alone = path.includes("/") ? [] : globSync(`src/internal/engine/*/${path}`, { cwd: root })
    expect(find(path) ?? alone[0]).toBeDefined()
  })

  const named = Array.from(
    architecture.matchAll(/`((?:[\w-]+\/)*\w+\.ts)`: ((?:`\w+`(?:, )?)+)/g),
    ([, file, names]) => Array.from(names!.matchAll(/\w+/g), ([name]) => ({ file: file!, name }))
  ).flat()

  it("many names", () => expect(named.length).toBeGreaterThan(15))

  it.each(named)("$name, which is in $file", ({ file, name }) => {
    expect(read(find(file)!)).toMatch(new RegExp(`\\b${name}\\b`))
  })
})

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-")

const anchorsOf = (page: string): ReadonlyArray<string> =>
  Array.from(withoutCode(read(page)).matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading!))

interface Link {
  readonly link: string
  readonly target: string
  readonly anchor: string | undefined
}

/** The links of a page to other pages and files of the repository. */
const linksOf = (page: string): ReadonlyArray<Link> =>
  Array.from(withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!)
    .filter((link) => !/^https?:/.test(link))
    .map((link) => {
      const [path, anchor] = link.split("#") as [string, string | undefined]
      return { link, target: path === "" ? page : normalize(join(dirname(page), path)), anchor }
    })

describe("links lead somewhere", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "test/*.md"], { cwd: root }).toSorted()

  it.each(pages)("in %s", (page) => {
    const broken = linksOf(page).filter(({ anchor, target }) =>
      !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    )
    expect(broken.map(({ link }) => link)).toEqual([])
  })
})

describe("the pages for users", () => {
  const pages = globSync("docs/**/*.md", { cwd: root, exclude: ["docs/maintaining/**"] }).toSorted()

  it("are all found by who begins with README.md", () => {
    const found = new Set(["README.md"])
    // what is added while it is walked through is walked through too
    for (const page of found) {
      for (const { target } of linksOf(page)) if (pages.includes(target)) found.add(target)
    }
    expect(pages.filter((page) => !found.has(page))).toEqual([])
  })

  it.each(pages)("%s can be read in one go", (page) => {
    expect(read(page).split("\n").length).toBeLessThan(500)
  })
})
