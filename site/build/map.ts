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
  readonly slugs: ReadonlyArray<string>
}

/** The pages that the entries of a list lead to; that of its first link is what an entry is about. */
const entriesOf = (section: string): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from(
    section.matchAll(/^ *(?:-|\d+\.) .*$/gm),
    ([entry]) => Array.from(entry.matchAll(/\]\(([^)#\s]+)\.md/g), ([, target]) => target!)
  )

const isAbove = (slug: string, other: string): boolean => other.startsWith(`${slug}/`)

/** The map itself comes first. */
export const sidebar = (map: string, pages: ReadonlyArray<Page>, ownSlug: string): ReadonlyArray<Item> => {
  const titles = new Map(pages.map(({ slug, title }) => [slug, title]))
  const left = new Set(titles.keys())
  left.delete(ownSlug)
  for (const slug of left) if (pages.some((page) => isAbove(page.slug, slug))) left.delete(slug)
  const taken = (slugs: ReadonlyArray<string>) => slugs.filter((slug) => left.delete(slug))
  const sections = map.split(/^## /m).slice(1).map((section) => ({
    label: section.slice(0, section.indexOf("\n")).trim(),
    entries: entriesOf(section)
  }))
  const first = sections.map(({ entries }) => taken(entries.flatMap((slugs) => slugs.slice(0, 1))))
  const groups: Array<Section> = sections.map(({ entries, label }, index) => (
    { label, slugs: [...first[index]!, ...taken(entries.flat())] }
  ))
  groups.push({ label: "More", slugs: [...left] })
  const link = (slug: string, label = titles.get(slug)!): Link => ({ label, link: `/${slug}/` })
  const item = (slug: string): Item => {
    const below = pages.filter((page) => isAbove(slug, page.slug))
    if (below.length === 0) return link(slug)
    const items = [link(slug, "Overview"), ...below.map((page) => link(page.slug))]
    return { label: titles.get(slug)!, collapsed: true, items }
  }
  return [
    link(ownSlug),
    ...groups.filter(({ slugs }) => slugs.length > 0).map(({ label, slugs }) => ({ label, items: slugs.map(item) }))
  ]
}
