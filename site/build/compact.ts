/** Makes built pages smaller: what Expressive Code repeats for each word and each block of code stands there once. */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The rule of Expressive Code, for words with a class: the first variables are those of the dark scheme. */
const scheme = (index: number, below: string): string =>
  `${below}.ec-line .code [class^=k]{color:var(--${index});font-style:var(--${index}fs,inherit)}`

/** The colors of a word become a class; `page.ts` gives the copy buttons their text. */
const compacted = (html: string): string => {
  const classes = new Map<string, string>()
  const short = html.replaceAll(/ data-code="[^"]*"/g, "").replaceAll(
    /<span style="(--0:[^"]*)">/g,
    (_, style: string) => {
      const name = classes.get(style) ?? `k${classes.size}`
      classes.set(style, name)
      return `<span class="${name}">`
    }
  )
  if (classes.size === 0) return short
  const rules = Array.from(classes, ([style, name]) => `.${name}{${style}}`).join("")
  return short.replace(
    "</head>",
    `<style>${rules}${scheme(0, "")}${scheme(1, ":root[data-theme=light] ")}</style></head>`
  )
}

/** An integration of Astro. */
export const compact = {
  name: "compact",
  hooks: {
    "astro:build:done": ({ dir }: { readonly dir: URL }): void => {
      const folder = fileURLToPath(dir)
      for (const file of globSync("**/*.html", { cwd: folder })) {
        const path = join(folder, file)
        writeFileSync(path, compacted(readFileSync(path, "utf8")))
      }
    }
  }
}
