/**
 * The order of the pages: that of the lists in docs/README.md. A page in a folder stands below the page that the folder
 * is named after; what no list names comes last.
 */
import type { Page } from "./markdown.ts"

interface Link {
  readonly label: string
  readonly link: string
}

interface Group {
  readonly label: string
  readonly items: ReadonlyArray<Item>
  readonly collapsed?: boolean
}

export type Item = Link | Group

interface Section {
  readonly label: string
  readonly slugs: Array<string>
}

/** The first link of each entry of a list goes before the others of its section. */
const slugsOf = (section: string): ReadonlyArray<string> => {
  const entries = Array.from(
    section.matchAll(/^ *(?:-|\d+\.) .*$/gm),
    ([entry]) => Array.from(entry.matchAll(/\]\(([^)#\s]+)\.md/g), ([, target]) => target!)
  )
  return [...entries.flatMap((targets) => targets.slice(0, 1)), ...entries.flat()]
}

const isAbove = (slug: string, other: string): boolean => other.startsWith(`${slug}/`)

export const sidebar = (map: string, pages: ReadonlyArray<Page>): ReadonlyArray<Item> => {
  const left = new Set(pages.map(({ slug }) => slug))
  const isTop = (slug: string) => ![...pages].some((page) => isAbove(page.slug, slug) && page.slug !== "")
  const sections: Array<Section> = map.split(/^## /m).slice(1).map((section) => {
    const slugs = slugsOf(section).filter((slug) => isTop(slug) && left.delete(slug))
    return { label: section.slice(0, section.indexOf("\n")).trim(), slugs }
  })
  const others = pages.map(({ slug }) => slug).filter((slug) => slug !== "" && left.has(slug) && isTop(slug))
  sections.push({ label: "More", slugs: others })
  const titles = new Map(pages.map(({ slug, title }) => [slug, title]))
  const link = (slug: string, label = titles.get(slug)!): Link => ({ label, link: `/${slug}/` })
  const item = (slug: string): Item => {
    const below = pages.filter((page) => isAbove(slug, page.slug))
    if (below.length === 0) return link(slug)
    return {
      label: titles.get(slug)!,
      collapsed: true,
      items: [link(slug, "Overview"), ...below.map((page) => link(page.slug))]
    }
  }
  return sections.filter(({ slugs }) => slugs.length > 0).map(({ label, slugs }) => ({ label, items: slugs.map(item) }))
}
