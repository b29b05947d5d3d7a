/** Draws a timeline as SVG. Marks differ in their form as well as in their color. */
import { colors } from "./colors.ts"
import type { Answer, Timeline } from "./run.ts"
import type { Scenario } from "./scenarios.ts"

/** The width of the picture, and where its axis begins and ends. */
export const [width, left, right] = [760, 96, 740]

const rounded = (n: number): number => Math.round(n * 10) / 10

const marks: Record<Answer, (x: number, y: number) => string> = {
  fresh: (x, y) => `<circle class="good" cx="${x}" cy="${y}" r="6"/>`,
  loaded: (x, y) => `<path class="good" d="M${x} ${y - 8}l8 8l-8 8l-8 -8z"/>`,
  stale: (x, y) => `<circle class="stale-line" cx="${x}" cy="${y}" r="5.5" stroke-width="3"/>`,
  failed: (x, y) => `<path class="bad-line" d="M${x - 6} ${y - 6}l12 12m0 -12l-12 12" style="stroke-width:3"/>`
}

const legend: ReadonlyArray<readonly [Answer, string]> = [
  ["loaded", "waited for a load"],
  ["fresh", "served from the cache"],
  ["stale", "served stale"],
  ["failed", "got the failure"]
]

export const draw = ({ down, invalidatedAt, minutes, says }: Scenario, { loads, reads, stored }: Timeline): string => {
  const across = (minute: number): number => rounded(left + minute / minutes * (right - left))
  const parts: Array<string> = []
  let y = 16
  const row = (label: string): number => {
    parts.push(`<text class="label" x="12" y="${y + 18}">${label}</text>`)
    y += 40
    return y - 40
  }
  const bar = (from: number, to: number, top: number, look: string, text: string, opacity = 1) => {
    const [x, end] = [across(from), across(to)]
    parts.push(
      `<rect class="${look}" x="${x}" y="${top}" width="${rounded(end - x)}" height="26" rx="4" opacity="${opacity}"/>`
    )
    if (end - x > 7 * text.length + 4) {
      parts.push(`<text class="on" x="${rounded((x + end) / 2)}" y="${top + 18}" text-anchor="middle">${text}</text>`)
    }
  }

  if (down !== undefined) {
    const top = row("source")
    bar(0, down[0], top, "good", "up")
    bar(down[0], down[1], top, "bad", "down")
    if (down[1] < minutes) bar(down[1], minutes, top, "good", "up")
  }
  const loading = row("loads")
  for (const { at, endedAt, value } of loads) {
    bar(at, endedAt, loading, value === undefined ? "bad" : "good", value === undefined ? "✕" : `v${value}`)
  }
  const storing = row("stored")
  for (const { from, isStale, to, value } of stored) {
    bar(from, to, storing, isStale ? "stale" : "good", isStale ? `v${value}, stale` : `v${value}`)
  }
  const reading = row("reads")
  let free = 0
  for (const { answer, answeredAt, at, value } of reads.toSorted((a, b) => a.answeredAt - b.answeredAt)) {
    const [x, end] = [across(at), across(answeredAt)]
    if (end > x) parts.push(`<line class="axis" x1="${x}" x2="${end}" y1="${reading + 12}" y2="${reading + 12}"/>`)
    parts.push(marks[answer](end, reading + 12))
    // A label that would touch the one before it is left out.
    if (value === undefined || end < free) continue
    free = end + 20
    parts.push(`<text x="${end}" y="${reading + 36}" text-anchor="middle">v${value}</text>`)
  }
  y += 12
  parts.push(`<line class="axis" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>`)
  for (let minute = 0; minute <= minutes; minute += 4) {
    parts.push(
      `<line class="axis" x1="${across(minute)}" x2="${across(minute)}" y1="${y}" y2="${y + 5}"/>`,
      `<text x="${across(minute)}" y="${y + 20}" text-anchor="middle">${minute === 0 ? "0 min" : minute}</text>`
    )
  }
  if (invalidatedAt !== undefined) {
    const x = across(invalidatedAt)
    parts.push(
      `<line class="bad-line" x1="${x}" x2="${x}" y1="12" y2="${y}" stroke-dasharray="4 3"/>`,
      `<text x="${x - 6}" y="${loading + 18}" text-anchor="end">invalidate</text>`
    )
  }
  y += 44
  const seen = legend.filter(([answer]) => reads.some((read) => read.answer === answer))
  let x = left
  for (const [answer, text] of seen) {
    parts.push(marks[answer](x + 8, y - 4), `<text x="${x + 22}" y="${y}">${text}</text>`)
    x += 40 + 7 * text.length
  }
  y += 16
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="${says}">
<style>${colors}</style>
<rect class="page" width="${width}" height="${y}"/>
${parts.join("\n")}
</svg>
`
}
