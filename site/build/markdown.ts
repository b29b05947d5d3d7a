/** A page of the repository as a page of the site: links lead to pages of the site, pictures stand in the page. */
import { existsSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { withoutColors } from "../../test/docs/pictures/colors.ts"
import { turns } from "./pictures.ts"
import { read, repositoryUrl, root } from "./repository.ts"

export interface Page {
  /** The path of the page below the base of the site, without slashes at its ends. */
  readonly slug: string
  readonly title: string
  readonly description: string
  readonly body: string
  /** The file that a reader would edit, from the root of the repository. */
  readonly source: string
  /** Further fields of the front matter. */
  readonly matter?: object
}

/** From one page to another, so that a page works under any base. */
export const between = (from: string, to: string): string => {
  const up = from === "" ? "./" : "../".repeat(from.split("/").length)
  return to === "" ? up : `${up}${to}/`
}

/** Text as it is read, without the marks of Markdown. */
export const plain = (markdown: string): string =>
  markdown.replaceAll(/!?\[((?:[^[\]]|\[[^\]]*\])*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]|<[^>]*>/g, "")
    .replaceAll(/\s+/g, " ").trim()

/** Calls `change` with each run of lines outside of fences. */
export const outsideOfFences = (markdown: string, change: (text: string) => string): string =>
  markdown.split(/^( *(?:```|~~~)[^\n]*\n[^]*?^ *(?:```|~~~) *$)/m)
    .map((part, index) => index % 2 === 1 ? part : change(part)).join("")

const link = /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g
const table = /^( *)\|.*\n\1\|[ :|-]+\n(?:\1\|.*(?:\n|$))*/gm
const note = /^<!--.*-->\n?/gm

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("\"", "&quot;").replaceAll("<", "&lt;")

/** The drawing without its own colors: those of the site follow the scheme that the reader has chosen. */
const drawing = (file: string, alt: string): string => {
  const svg = withoutColors(read(file)).replace(/aria-label="[^"]*"/, `aria-label="${escape(plain(alt))}"`)
  const name = posix.basename(file, ".svg")
  const turned = turns(name) ? ` data-turn="${name}"` : ""
  return `<figure class="picture"${turned} tabindex="0">${svg}</figure>`
}

/** A screenshot, which loads when it comes into view. Its size keeps the text below it in place. */
const screenshot = (file: string, alt: string, slug: string): string => {
  const bytes = readFileSync(join(root, file))
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
  const src = `${between(slug, "")}lib/${posix.basename(file)}`
  return `<img class="screenshot" src="${src}" alt="${
    escape(plain(alt))
  }" width="${width}" height="${height}" loading="lazy">`
}

/** A table that scrolls in a narrow window. A column without a heading gets one for readers that do not see it. */
const scrolling = (table: string, indent: string): string => {
  const [heads = "", ...rows] = table.trimEnd().split("\n")
  const named = heads.replaceAll(/\|\s*(?=\|)/g, "| <span class=\"sr-only\">about</span> ")
  const className = /^[|\s]+$/.test(heads) ? "table headless" : "table"
  const open = `${indent}<div class="${className}" role="group" aria-label="Table" tabindex="0">`
  return [open, "", named, ...rows, "", `${indent}</div>`, ""].join("\n")
}

/** Text whose tables scroll. */
export const withTables = (text: string): string =>
  text.replaceAll(table, (rows, indent: string) => scrolling(rows, indent))

/** The slugs of pages, by the file that a link names. */
export type Destinations = ReadonlyMap<string, string>

export const toSite = (markdown: string, source: string, slug: string, pages: Destinations): string =>
  outsideOfFences(markdown, (text) =>
    withTables(
      text.replaceAll(note, "")
        .replaceAll(link, (whole, mark: string, label: string, target: string) => {
          if (/^[a-z]+:|^#/i.test(target)) return whole
          const [path = "", anchor] = target.split("#")
          const file = posix.normalize(posix.join(posix.dirname(source), path)).replace(/\/$/, "")
          if (!existsSync(join(root, file))) throw new Error(`${source}: ${target} is not in the repository`)
          if (mark === "!") return file.endsWith(".svg") ? drawing(file, label) : screenshot(file, label, slug)
          const page = pages.get(file)
          const end = anchor === undefined ? "" : `#${anchor}`
          if (page !== undefined) return `[${label}](${between(slug, page)}${end})`
          return repositoryUrl === undefined ? label : `[${label}](${repositoryUrl}/blob/main/${file}${end})`
        })
    ))

/** A page out of a file: its title is its first heading, its description its first paragraph. */
export const pageOf = (source: string, slug: string, pages: Destinations): Page => {
  const [, heading, rest] = /^# (.*)\n+([^]*)$/.exec(read(source)) ?? []
  if (heading === undefined) throw new Error(`${source} does not begin with a heading`)
  const first = /^(?![|>#<!`-])(?:.+\n)+/m.exec(rest!)?.[0] ?? heading
  return { slug, title: plain(heading), description: plain(first), body: toSite(rest!, source, slug, pages), source }
}

/** The file of a page, for Astro. */
export const written = ({ body, description, matter, source, title }: Page): string => {
  const editUrl = repositoryUrl === undefined ? false : `${repositoryUrl}/edit/main/${source}`
  const fields = Object.entries({ title, description, editUrl, ...matter })
  return `---\n${fields.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join("\n")}\n---\n\n${body}\n`
}
