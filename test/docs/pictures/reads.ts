/** The chart of README.md: median times of reads, out of the table in `docs/benchmarks.md`. */
import { colors } from "./colors.ts"

const [width, left, right, row] = [760, 170, 590, 34]

interface Row {
  readonly cache: string
  readonly hitRatio: string
  readonly median: number
}

const cellsOf = (line: string): ReadonlyArray<string> => line.split("|").slice(1, -1).map((cell) => cell.trim())

const rowsOf = (page: string): ReadonlyArray<Row> => {
  const [head, , ...rows] = /^\| full cache .*\n(?:\|.*\n)+/m.exec(page)![0].trim().split("\n").map(cellsOf)
  const [hits, median] = [head!.indexOf("mixed: hits, %"), head!.indexOf("mixed: p50")]
  return rows.map((cells) => ({ cache: cells[0]!, hitRatio: `${cells[hits]} %`, median: Number(cells[median]) }))
}

export const drawReads = (page: string): string => {
  const rows = rowsOf(page).toSorted((a, b) => a.median - b.median)
  const slowest = Math.max(...rows.map(({ median }) => median))
  const height = 44 + rows.length * row
  const bars = rows.map(({ cache, hitRatio, median }, i) => {
    const y = 36 + i * row
    const long = Math.round(median / slowest * (right - left))
    const own = cache === "effect-cached"
    return [
      `<text x="${left - 10}" y="${y + 17}" text-anchor="end"${own ? " class=\"label\"" : ""}>${cache}</text>`,
      `<rect class="${own ? "good" : "other"}" x="${left}" y="${y}" width="${long}" height="24" rx="3"/>`,
      `<text x="${left + long + 8}" y="${y + 17}">${median.toFixed(1)} × · ${hitRatio} hits</text>`
    ].join("\n")
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Median time of a read in a full cache, in multiples of lru-cache">
<style>${colors}</style>
<rect class="page" width="${width}" height="${height}"/>
<text x="${left}" y="22">median time of a read in a full cache, in multiples of lru-cache (less is better)</text>
${bars.join("\n")}
</svg>
`
}
