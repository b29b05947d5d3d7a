/** Pages name files and symbols that exist, their links lead somewhere, and none is too long to read. */
import { describe, expect, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, resolve } from "node:path/posix"
import { proofs } from "../proofs/proofs.ts"
import { bulletsAndCells, exceeded, groups } from "./words.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")
const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "")

/** The pages for maintainers, and how long each may be: one is the way in, the others are read in ten minutes. */
const maintaining = globSync("docs/maintaining/**/*.md", { cwd: root }).toSorted()
const longest = new Map([
  ["ARCHITECTURE.md", 26_000],
  ...[...maintaining, "test/README.md"].map((page) => [page, 12_000] as const)
])

/** The folders from which files are named. */
const folders = ["", "src", "src/internal/engine", "src/drivers", "docs/maintaining", "test"]

const find = (path: string): string | undefined =>
  folders.map((folder) => join(folder, path)).find((path) => existsSync(join(root, path)))

/** A page without the targets of its links, which have a test of their own. */
const textOf = (page: string): string => read(page).replaceAll(/\]\([^)\s]*\)/g, "]")

/** The files and folders that a text names. */
const pathsIn = (text: string): ReadonlyArray<string> => {
  const files = text.matchAll(/(?<![\w./<>-])(?:[\w.-]+\/)*[\w.-]+\.(?:ts|js|json|md)\b/g)
  const directories = text.matchAll(/`((?:[\w.-]+\/)+)`/g)
  return [...new Set([...Array.from(files, ([path]) => path), ...Array.from(directories, ([, path]) => path!)])]
}

/** Those of the files that do not exist. One named without a folder may be in any; the build makes those of `dist`. */
const missingIn = (text: string): ReadonlyArray<string> =>
  pathsIn(text).filter((path) =>
    !path.startsWith("dist/") && find(path) === undefined &&
    (path.includes("/") || globSync(`{src,test}/**/${path}`, { cwd: root }).length === 0)
  )

interface Named {
  readonly file: string
  readonly name: string
}

/** The symbols that a text names after a file. */
const symbolsIn = (text: string): ReadonlyArray<Named> =>
  Array.from(
    text.matchAll(/`((?:[\w-]+\/)*\w+\.ts)`:\s((?:`\w+`(?:,\s)?)+)/g),
    ([, file, names]) => Array.from(names!.matchAll(/\w+/g), ([name]) => ({ file: file!, name }))
  ).flat()

/** Those of the symbols that are not in their files. */
const unknownIn = (text: string): ReadonlyArray<Named> =>
  symbolsIn(text).filter(({ file, name }) => {
    const found = find(file)
    return found === undefined || !new RegExp(`\\b${name}\\b`).test(read(found))
  })

describe("the pages for maintainers", () => {
  it.each([...longest])("%s has at most %i bytes", (page, most) => {
    expect(Buffer.byteLength(read(page))).toBeLessThanOrEqual(most)
  })

  it.each([...longest.keys()])("%s names files that exist", (page) => {
    expect(missingIn(textOf(page))).toEqual([])
  })

  it.each([...longest.keys()])("%s names symbols that are in their files", (page) => {
    expect(unknownIn(textOf(page))).toEqual([])
  })

  it("name many files and symbols", () => {
    const text = [...longest.keys()].map(textOf).join("\n")
    expect(pathsIn(text).length).toBeGreaterThan(300)
    expect(symbolsIn(text).length).toBeGreaterThan(100)
  })

  it("would be found with a file or a symbol that does not exist", () => {
    expect(missingIn("see `src/Attic.ts`, `attic.ts`, `attic/` and `memory/entry.ts`"))
      .toEqual(["src/Attic.ts", "attic.ts", "attic/"])
    expect(unknownIn("`memory/entry.ts`: `Entry`,\n`attic`")).toEqual([{ file: "memory/entry.ts", name: "attic" }])
  })

  it("begin with a heading, and with the purpose of the page", () => {
    expect(maintaining.filter((page) => !/^# [^\n]+\n\nThis page /.test(read(page)))).toEqual([])
  })

  it("have at most 20,000 words together: `npm run words` counts them", () => {
    const group = groups.find(({ name }) => name === "maintainers")
    expect(group!.counts.size).toBe(maintaining.length + 1)
    expect(exceeded(group!)).toEqual([])
    expect(exceeded({ ...group!, words: 15_000 })).not.toEqual([])
  })

  it("have no bullet or cell of more than 300 characters", () => {
    const pages = ["ARCHITECTURE.md", ...maintaining]
    const all = pages.flatMap((page) => bulletsAndCells(read(page)).map((text) => `${page}: ${text}`))
    expect(all.length).toBeGreaterThan(500)
    expect(all.filter((text) => text.length > 300 + text.indexOf(": ") + 2)).toEqual([])
  })

  it("would be found with a long bullet or cell", () => {
    const text = "- a\n  [b](c)\n1. d\n\n| e | f \\| g |\n|---|---|\n```\n- code\n```"
    expect(bulletsAndCells(text)).toEqual(["a [b]", "d", "e", "f \\| g", "---", "---"])
  })

  it("are all in their index", () => {
    const index = "docs/maintaining/README.md"
    const listed = new Set([index, ...linksOf(index).map(({ target }) => target)])
    expect(maintaining.filter((page) => !listed.has(page))).toEqual([])
  })

  it("have each file of a room of the engine", () => {
    const text = globSync("docs/maintaining/engine/*.md", { cwd: root }).map(read).join("\n")
    const files = globSync(["*/*.ts", "*.ts"], {
      cwd: join(root, "src/internal/engine"),
      exclude: ["**/*WithoutNode.ts"]
    })
    expect(files.length).toBeGreaterThan(90)
    expect(files.filter((file) => !text.includes(`\`${file}\``)).toSorted()).toEqual([])
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

describe("commands", () => {
  const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: { readonly [name: string]: string } }
  const files = globSync(
    ["*.md", ".github/**/*.{md,yml}", "{docs,examples,monitoring,src,test}/**/*.{md,ts,js,yml}"],
    { cwd: root, exclude: ["**/node_modules/**", "test/.docs/**"] }
  )
  const unknownOf = (text: string): ReadonlyArray<string> => [
    ...Array.from(text.matchAll(/npm run (?:-s |--silent )?([a-z][\w:-]*)/g), ([, name]) => name!)
      .filter((name) => !(name in scripts)),
    ...Array.from(text.matchAll(/npm run (?:-s |--silent )?prove -- ([a-z][\w-]*)/g), ([, name]) => name!)
      .filter((name) => !(name in proofs))
  ]

  it("of the pages and the sources are in package.json", () => {
    const wrong = files.flatMap((file) => unknownOf(read(file)).map((name) => `${file}: npm run ${name}`))
    expect(wrong).toEqual([])
  })

  it("would be found if they were not", () => {
    expect(unknownOf(["polish", "prove -- luck", "prove -- soak", "-s check"].map((name) => `npm run ${name}`).join()))
      .toEqual(["polish", "luck"])
  })

  it("are at most twelve", () => expect(Object.keys(scripts).length).toBeLessThanOrEqual(12))
})

describe("links lead somewhere", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "test/*.md", "test/proofs/*.md"], { cwd: root }).toSorted()

  it.each(pages)("in %s", (page) => {
    const broken = linksOf(page).filter(({ anchor, target }) =>
      !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    )
    expect(broken.map(({ link }) => link)).toEqual([])
  })
})

describe("the pages for users", () => {
  it("README.md is at most 7 kB", () => {
    expect(Buffer.byteLength(read("README.md"))).toBeLessThanOrEqual(7 * 1024)
  })

  it("README.md gives six reasons, each a row of the comparison to which no other cache answers yes", () => {
    const rows: ReadonlyArray<readonly [reason: string, row: string]> = [
      ["One load across processes", "one load across processes"],
      ["Keys from schemas", "keys that change when the schema changes"],
      [
        "Invalidation by tag, class, field or pattern",
        "invalidation by tag, class and field, soft or hard; by pattern"
      ],
      ["Derived entries", "an entry is dropped when another one that its load has read changes"],
      ["Transactions", "transactions: several entries change together"],
      ["No deadlocks", "loads that wait for each other die with a defect"]
    ]
    const reasons = Array.from(read("README.md").matchAll(/^- \*\*(.+?)\.?\*\*/gm), ([, reason]) => reason)
    expect(reasons).toEqual(rows.map(([reason]) => reason))
    const table = read("docs/compare.md").split("\n").filter((line) => line.startsWith("| "))
    for (const [, row] of rows) {
      const [, own, ...others] = table.find((line) => line.startsWith(`| ${row}`))?.split(" | ") ?? []
      expect([row, own]).toEqual([row, expect.stringMatching(/^yes/)])
      expect([row, others.filter((cell) => /^(\*\*)?yes/.test(cell))]).toEqual([row, []])
    }
  })

  const pages = globSync("docs/**/*.md", { cwd: root, exclude: ["docs/maintaining/**"] }).toSorted()

  it("are all found by a reader that begins with README.md", () => {
    const found = new Set(["README.md"])
    // Pages added during the iteration are visited too.
    for (const page of found) {
      for (const { target } of linksOf(page)) if (pages.includes(target)) found.add(target)
    }
    expect(pages.filter((page) => !found.has(page))).toEqual([])
  })

  /** It is written from the sources, and searched rather than read. */
  const isRead = (page: string): boolean => page !== "docs/messages.md"

  it.each(["README.md", "AGENTS.md", ...pages.filter(isRead)])(
    "%s has no bullet or cell of more than 300 characters",
    (page) => {
      expect(bulletsAndCells(read(page)).filter((text) => text.length > 300)).toEqual([])
    }
  )

  it("have at most 70,000 words on 70 pages, beside those that are generated: `npm run words` counts them", () => {
    expect(groups.flatMap(exceeded)).toEqual([])
    expect(groups.find(({ name }) => name === "users")!.counts.size).toBeGreaterThan(50)
  })

  it.each(pages)("%s begins with what it is for", (page) => {
    expect(read(page).split("\n").slice(0, 3)).toEqual([
      expect.stringMatching(/^# /),
      "",
      expect.stringMatching(/^[\w`]/)
    ])
  })

  /** Pages that list: they have nothing to run. */
  const lists = new Set([
    "docs/README.md",
    "docs/coming-from.md",
    "docs/compare.md",
    "docs/http-server/users.md",
    "docs/messages.md",
    "docs/options.md",
    "docs/troubleshooting.md"
  ])

  it.each(pages.filter((page) => !lists.has(page)))("%s begins with an example", (page) => {
    expect(read(page).slice(0, 3000)).toContain("\n```")
  })

  it.each(pages)("%s is not too long", (page) => {
    expect(read(page).split("\n").length).toBeLessThan(800)
    // The lists of messages and of options are written from the sources, and are searched, not read.
    if (page === "docs/messages.md" || page === "docs/options.md") return
    expect(Buffer.byteLength(read(page))).toBeLessThanOrEqual(24_000)
  })
})
