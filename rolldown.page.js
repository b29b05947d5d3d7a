/** The page of the inspector: one file of HTML, as a module of `dist`. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { defineConfig } from "rolldown"

const hashOf = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

/** Makes a module of the bundle of a page: its HTML with all that it needs, and the policy that allows only that. */
const intoModule = {
  name: "into-module",
  generateBundle(_, bundle) {
    const [chunk] = Object.values(bundle)
    // What would end the element in HTML is written differently in JavaScript.
    const script = chunk.code.trim().replaceAll("</script", "<\\/script")
    const style = [
      ...["node_modules/uplot/dist/uPlot.min.css", "src/inspector/page/style.css"]
    ].map((file) => readFileSync(file, "utf8")).join("\n").replaceAll(/\s*\n\s*/g, "\n").trim()
    const html = readFileSync("src/inspector/page/page.html", "utf8")
      .replace("/* style */", () => style)
      .replace("/* script */", () => script)
    const policy = [
      "default-src 'none'",
      `script-src ${hashOf(script)}`,
      `style-src ${hashOf(style)}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'"
    ].join("; ")
    chunk.code = `export const html = ${JSON.stringify(html)}\nexport const policy = ${JSON.stringify(policy)}\n`
  }
}

export default defineConfig({
  input: { "inspector/page": "src/inspector/page/main.tsx" },
  platform: "browser",
  plugins: [intoModule],
  output: { dir: "dist", format: "esm", minify: true, codeSplitting: false }
})
