/**
 * `npm run words`: how many words the pages have, users' and maintainers' apart, with their limits. Ends with an error
 * where a limit is exceeded.
 */
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const wordsIn = (page: string): number => readFileSync(join(root, page), "utf8").split(/\s+/).filter(Boolean).length

export interface Group {
  readonly name: string
  /** The most words of all pages together. */
  readonly words: number
  /** The most pages. */
  readonly pages: number
  readonly counts: ReadonlyMap<string, number>
}

const maintaining = ["ARCHITECTURE.md", "docs/maintaining/**/*.md"]
/** They are written from the sources, and searched rather than read. */
const generated = ["docs/messages.md", "docs/options.md"]

interface Limits {
  readonly words: number
  readonly pages?: number
  readonly exclude?: ReadonlyArray<string>
}

const group = (name: string, pages: ReadonlyArray<string>, { exclude = [], ...limits }: Limits): Group => ({
  name,
  pages: Infinity,
  ...limits,
  counts: new Map(globSync(pages, { cwd: root, exclude }).toSorted().map((page) => [page, wordsIn(page)]))
})

export const groups: ReadonlyArray<Group> = [
  group("users", ["docs/**/*.md"], { words: 70_000, pages: 70, exclude: [...maintaining, ...generated] }),
  group("generated", generated, { words: 18_000 }),
  group("maintainers", maintaining, { words: 20_000 })
]

export const totalOf = ({ counts }: Group): number => [...counts.values()].reduce((sum, words) => sum + words, 0)

/** The limits that a group exceeds. */
export const exceeded = (group: Group): ReadonlyArray<string> => [
  ...totalOf(group) > group.words ? [`${group.name}: ${totalOf(group)} words, at most ${group.words}`] : [],
  ...group.counts.size > group.pages ? [`${group.name}: ${group.counts.size} pages, at most ${group.pages}`] : []
]

const fencedCode = /^ *```[^]*?^ *```/gm
const linkTarget = /\]\([^)\s]*\)/g

/** The bullets and the cells of tables of a page, without the targets of links. */
export const bulletsAndCells = (text: string): ReadonlyArray<string> => {
  const plain = text.replaceAll(fencedCode, "").replaceAll(linkTarget, "]")
  const bullets = plain.matchAll(/^ *(?:[-*]|\d+\.) (.+(?:\n +(?![-*] |\d+\. ).+)*)/gm)
  const rows = plain.matchAll(/^\|(.+)\|$/gm)
  return [
    ...Array.from(bullets, ([, bullet]) => bullet!.replaceAll(/\s+/g, " ")),
    ...Array.from(rows, ([, row]) => row!.split(/(?<!\\)\|/).map((cell) => cell.trim())).flat()
  ]
}

if (import.meta.main) {
  for (const group of groups) {
    for (const [page, words] of group.counts) console.log(`${String(words).padStart(7)}  ${page}`)
    const limits = `${group.words} words${group.pages === Infinity ? "" : ` on ${group.pages} pages`}`
    console.log(`${String(totalOf(group)).padStart(7)}  ${group.name}: ${group.counts.size} pages; at most ${limits}\n`)
  }
  const complaints = groups.flatMap(exceeded)
  for (const complaint of complaints) console.error(complaint)
  if (complaints.length > 0) process.exitCode = 1
}
