/** Draws line charts as SVG, in colors that are readable on light and dark pages. */

interface Line {
  readonly name: string
  readonly points: ReadonlyArray<{ readonly x: number; readonly y: number }>
}

const [width, height] = [720, 400]
const [left, right, top, bottom] = [56, 560, 24, 352]

/** Line colors (for light and dark pages) and dashes. Color-blind readers can tell them apart (after Okabe and Ito). */
const light = ["#0072b2", "#d55e00", "#007a5a", "#a8327e", "#6b5b00", "#444444"]
const dark = ["#56b4e9", "#ff9a4d", "#2fd6a3", "#f08fc8", "#e6d44c", "#dddddd"]
const dashes = ["", "7 3", "2 3", "10 3 2 3", "4 4", "1 2"]

const styles = (name: string, colors: ReadonlyArray<string>, [page, text, grid]: readonly [string, string, string]) =>
  [
    `${name} .page{fill:${page}}`,
    `${name} text{fill:${text}}`,
    `${name} .grid{stroke:${grid}}`,
    ...colors.map((color, i) => `${name} .line${i}{stroke:${color}}`)
  ].join("")

const style = [
  "text{font:13px system-ui,sans-serif}.grid{stroke-width:1}.line{fill:none;stroke-width:2.5}",
  styles("svg", light, ["#ffffff", "#1f2328", "#d8dee4"]),
  `@media (prefers-color-scheme:dark){${styles("svg", dark, ["#0d1117", "#e6edf3", "#30363d"])}}`
].join("")

const escaped = (text: string): string =>
  text.replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

const rounded = (n: number): number => Math.round(n * 10) / 10

const shortened = (name: string): string => Array.from(name).slice(0, 18).join("")

/** Draws lines of shares (`y`, 0 to 1) over positive numbers (`x`, on a logarithmic scale). */
export const chart = (lines: ReadonlyArray<Line>): string => {
  const xs = Array.from(new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))).sort((a, b) => a - b)
  const [first = 1, last = 1] = [xs[0], xs.at(-1)]
  const span = Math.log(last) - Math.log(first)
  const across = (x: number): number =>
    rounded(span === 0 ? (left + right) / 2 : left + (Math.log(x) - Math.log(first)) / span * (right - left))
  const up = (y: number): number => rounded(bottom - y * (bottom - top))
  const parts: Array<string> = []
  for (const share of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    parts.push(
      `<line class="grid" x1="${left}" x2="${right}" y1="${up(share)}" y2="${up(share)}"/>`,
      `<text x="${left - 8}" y="${up(share) + 4}" text-anchor="end">${share * 100} %</text>`
    )
  }
  let free = -Infinity
  for (const x of xs) {
    // Omits labels that would overlap the previous one.
    if (across(x) < free) continue
    free = across(x) + 12 + 8 * `${x}`.length
    parts.push(`<text x="${across(x)}" y="${bottom + 20}" text-anchor="middle">${x}</text>`)
  }
  parts.push(
    `<text x="${(left + right) / 2}" y="${bottom + 40}" text-anchor="middle">capacity</text>`,
    `<text x="${left - 8}" y="14" text-anchor="start">hit ratio</text>`
  )
  lines.forEach(({ name, points }, i) => {
    const look = `class="line line${i % light.length}" stroke-dasharray="${dashes[i % dashes.length]}"`
    const path = points.toSorted((a, b) => a.x - b.x).map(({ x, y }) => `${across(x)},${up(y)}`).join(" ")
    const y = top + 12 + i * 22
    parts.push(
      `<polyline ${look} points="${path}"/>`,
      `<line ${look} x1="${right + 16}" x2="${right + 44}" y1="${y}" y2="${y}"/>`,
      `<text x="${right + 52}" y="${y + 4}">${escaped(shortened(name))}</text>`
    )
  })
  const tall = Math.max(height, top + 24 + lines.length * 22)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}" role="img" aria-label="Hit ratios by capacity">
<style>${style}</style>
<rect class="page" width="${width}" height="${tall}"/>
${parts.join("\n")}
</svg>
`
}
