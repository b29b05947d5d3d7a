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

describe("links lead somewhere", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "test/*.md"], { cwd: root }).toSorted()

  it.each(pages)("in %s", (page) => {
    const links = Array.from(withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!)
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false
      const [path, anchor] = link.split("#") as [string, string | undefined]
      const target = path === "" ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})
