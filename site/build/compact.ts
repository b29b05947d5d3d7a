/** Makes built pages smaller: what Expressive Code repeats for each word and each block of code stands there once. */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

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
  const rules = Array.from(classes, ([style, name]) => `.${name}{${style}}`).join("")
  return classes.size === 0 ? short : short.replace("</head>", `<style>${rules}</style></head>`)
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
