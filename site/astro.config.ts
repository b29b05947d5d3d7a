/** The site, under the base path `SITE_BASE`, `/` by default. */
import starlight from "@astrojs/starlight"
import { defineConfig } from "astro/config"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { compact } from "./build/compact.ts"
import { programs } from "./build/programs.ts"
import { repositoryUrl } from "./build/repository.ts"

const base = `${process.env["SITE_BASE"] ?? ""}/`.replace(/\/+$/, "/")

export default defineConfig({
  base,
  trailingSlash: "always",
  devToolbar: { enabled: false },
  build: { inlineStylesheets: "never" },
  vite: {
    resolve: {
      alias: [{
        find: /^@pagefind\/default-ui$/,
        replacement: fileURLToPath(new URL("src/search.ts", import.meta.url))
      }]
    }
  },
  integrations: [
    starlight({
      title: "effect-cached",
      description: "A functional caching toolkit for Effect",
      sidebar: JSON.parse(readFileSync(new URL(".cache/sidebar.json", import.meta.url), "utf8")),
      customCss: ["./src/site.css", "./.cache/pictures.css"],
      ...repositoryUrl === undefined
        ? {}
        : { social: [{ icon: "github" as const, label: "Repository", href: repositoryUrl }] },
      head: [{ tag: "script", attrs: { type: "module", src: `${base}lib/page.js` } }],
      expressiveCode: {
        themes: ["github-dark-default", "github-light"],
        plugins: [programs],
        defaultProps: { wrap: false },
        styleOverrides: {
          borderRadius: "0.5rem",
          codeFontSize: "0.84rem",
          frames: { frameBoxShadowCssValue: "none" }
        }
      },
      tableOfContents: { minHeadingLevel: 2, maxHeadingLevel: 3 },
      pagefind: true
    }),
    compact
  ]
})
