/** The chart of docs/scaling.md: the cost of a change by the size of the fleet, out of the table of that page. */
import { colors } from "./colors.ts"

const [width, height, left, right, top, bottom] = [760, 330, 84, 550, 44, 270]

const sizes = [10, 100, 1000, 10_000] as const
/** The microseconds of one operation alone, in the table of unit costs. */
const microsOf = (page: string, operation: string): number =>
  Number(new RegExp(`^\\| ${operation} \\| ([\\d.]+) µs`, "m").exec(page)![1])

const lastPower = 5

const across = (processes: number): number =>
  Math.round(left + Math.log10(processes / sizes[0]) / 3 * (right - left - 20)) + 10

const up = (micros: number): number => Math.round(bottom - (Math.log10(micros) - 1) / (lastPower - 1) * (bottom - top))

const said = (micros: number): string =>
  micros < 1000 ? `${micros.toFixed(0)} µs` : `${(micros / 1000).toFixed(micros < 10_000 ? 1 : 0)} ms`

export const drawFleet = (page: string): string => {
  const write = microsOf(page, "an invalidated id, or a value set by hand")
  const report = microsOf(page, "one change reported to one process")
  const lines = [
    { look: "bad", name: "with memory tier", micros: (size: number) => write + report * size },
    { look: "other", name: "no memory tier", micros: () => write }
  ]
  const powers = Array.from({ length: lastPower }, (_, i) => i + 1)
  const parts = [
    ...powers.flatMap((power) => [
      `<line class="axis" x1="${left}" x2="${right}" y1="${up(10 ** power)}" y2="${up(10 ** power)}"/>`,
      `<text x="${left - 10}" y="${up(10 ** power) + 4}" text-anchor="end">${said(10 ** power)}</text>`
    ]),
    ...sizes.map((size) => `<text x="${across(size)}" y="${bottom + 22}" text-anchor="middle">${size}</text>`),
    `<text x="${(left + right) / 2}" y="${bottom + 46}" text-anchor="middle">processes</text>`,
    ...lines.flatMap(({ look, micros, name }) => {
      const points = sizes.map((size) => `${across(size)},${up(micros(size))}`)
      const last = micros(sizes[3])
      return [
        `<polyline class="${look}-line" style="fill:none;stroke-width:2.5" points="${points.join(" ")}"/>`,
        ...points.map((point) =>
          `<circle class="${look}" cx="${point.split(",")[0]}" cy="${point.split(",")[1]}" r="4"/>`
        ),
        `<text class="label" x="${right + 6}" y="${up(last) + 4}">${said(last)} · ${name}</text>`
      ]
    })
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Processor time of the server for one change, by the number of processes, with and without a memory tier">
<style>${colors}</style>
<rect class="page" width="${width}" height="${height}"/>
<text x="${left}" y="22">processor time of the server for one change (less is better)</text>
${parts.join("\n")}
</svg>
`
}
