/** Draws panels of the dashboard from the answers of a Prometheus. */
import { type Panel, rows } from "../monitoring.ts"
import { colors } from "./colors.ts"

/** A time of trouble, in seconds. */
export interface Trouble {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** A series as Prometheus answers it. */
export interface Line {
  readonly legend: string
  readonly points: ReadonlyArray<readonly [second: number, value: number]>
}

export interface Drawing {
  readonly seconds: number
  readonly trouble: Trouble
  readonly linesOf: (panel: Panel) => ReadonlyArray<Line>
}

/** The pictures of the page, each with its panels. */
export const shown: ReadonlyArray<
  { readonly file: string; readonly trouble: string; readonly panels: ReadonlyArray<string> }
> = [
  {
    file: "dashboard-outage",
    trouble: "no origin",
    panels: ["Reads by source", "Stale answers", "Loads by outcome", "Load time"]
  },
  {
    file: "dashboard-evictions",
    trouble: "a crawler reads everything",
    panels: ["Hit ratio", "Removals by cause", "Memory in use", "Waiting reads and running loads"]
  },
  {
    file: "dashboard-store",
    trouble: "no store",
    panels: ["Operations by result", "State", "Pending and lost invalidations", "Reads by source"]
  }
]

export const panels: ReadonlyMap<string, Panel> = new Map(
  rows.flatMap(({ panels }) => panels.map((panel) => [panel.title, panel] as const))
)

const looks = ["good", "stale", "bad", "other"]
const [width, height, left, right, top, bottom] = [380, 224, 46, 368, 34, 136]
const mostLines = 6

const rounded = (n: number): number => Math.round(n * 10) / 10

const units: { readonly [unit: string]: (value: number) => string } = {
  percentunit: (value) => `${rounded(value * 100)} %`,
  s: (value) => value === 0 ? "0" : `${rounded(value * 1000)} ms`
}

const short = (value: number): string =>
  value >= 10_000 ? `${rounded(value / 1000)}k` : `${value < 10 ? rounded(value) : Math.round(value)}`

/** The next number of one digit that is round: 1, 2 or 5. */
const roundUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999)!
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** The lines with the most to show. */
const chosen = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.toSorted((a, b) => peakOf(b) - peakOf(a)).slice(0, mostLines).toSorted((a, b) => a.legend < b.legend ? -1 : 1)

const peakOf = ({ points }: Line): number => Math.max(0, ...points.map(([, value]) => value))

const drawPanel = (panel: Panel, { linesOf, seconds, trouble }: Drawing): string => {
  const lines = chosen(linesOf(panel))
  const peak = Math.max(0, ...lines.map(peakOf))
  const most = peak === 0 ? 1 : panel.unit === "percentunit" && peak <= 1 ? 1 : roundUp(peak)
  const across = (second: number): number => rounded(left + second / seconds * (right - left))
  const up = (value: number): number => rounded(bottom - value / most * (bottom - top))
  const say = units[panel.unit] ?? short
  const parts = [
    `<text class="label" x="8" y="18">${escaped(panel.title)}</text>`,
    `<rect class="bad" opacity="0.15" x="${across(trouble.from)}" y="${top}" width="${
      rounded(across(trouble.to) - across(trouble.from))
    }" height="${bottom - top}"/>`,
    ...[0, most / 2, most].map((value) =>
      `<line class="axis" x1="${left}" x2="${right}" y1="${up(value)}" y2="${up(value)}"/>` +
      `<text x="${left - 5}" y="${up(value) + 4}" text-anchor="end" style="font-size:11px">${say(value)}</text>`
    ),
    ...[0, 0.5, 1].map((share) =>
      `<text x="${across(share * seconds)}" y="${bottom + 15}" text-anchor="${
        share === 0 ? "start" : share === 1 ? "end" : "middle"
      }" style="font-size:11px">${Math.round(share * seconds)} s</text>`
    )
  ]
  let [x, y] = [left, bottom + 34]
  for (const [i, { legend, points }] of lines.entries()) {
    const look = `${looks[i % looks.length]}-line`
    const dash = ` style="fill:none;stroke-width:2${i < looks.length ? "" : ";stroke-dasharray:4 3"}"`
    const path = points.map(([second, value], nth) => `${nth === 0 ? "M" : "L"}${across(second)} ${up(value)}`).join("")
    if (path !== "") parts.push(`<path class="${look}" d="${path}"${dash}/>`)
    const text = legend.trim()
    const space = 32 + 6.5 * text.length
    if (x + space > right + 8 && x > left) {
      x = left
      y += 17
    }
    parts.push(
      `<line class="${look}" x1="${x}" x2="${x + 14}" y1="${y - 4}" y2="${y - 4}"${dash}/>`,
      `<text x="${x + 19}" y="${y}" style="font-size:11px">${escaped(text)}</text>`
    )
    x += space
  }
  return parts.join("\n")
}

/** Panels side by side, as a picture of its own. */
export const drawPanels = (titles: ReadonlyArray<string>, drawing: Drawing): string => {
  const [whole, tall] = [width * Math.min(2, titles.length), height * Math.ceil(titles.length / 2)]
  const says = `${
    titles.join(", ")
  }: ${drawing.trouble.name} from second ${drawing.trouble.from} to ${drawing.trouble.to}.`
  const drawn = titles.map((title, i) =>
    `<g transform="translate(${width * (i % 2)} ${height * Math.floor(i / 2)})">\n${
      drawPanel(panels.get(title)!, drawing)
    }\n</g>`
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${whole} ${tall}" role="img" aria-label="${says}">
<style>${colors}</style>
<rect class="page" width="${whole}" height="${tall}"/>
${drawn.join("\n")}
</svg>
`
}
