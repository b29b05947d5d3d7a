/**
 * Pictures without a run behind them: the tiers of a cache, an invalidation between processes, the floors of `src/`.
 */
import { globSync } from "node:fs"
import { floorOf, floors, rooms } from "../../lint/floors.js"
import { colors } from "./colors.ts"

const width = 760

const svg = (height: number, says: string, parts: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${says}">
<style>${colors}</style>
<rect class="page" width="${width}" height="${height}"/>
${parts.join("\n")}
</svg>
`

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

type Anchor = "start" | "middle" | "end"

const text = (x: number, y: number, content: string, anchor: Anchor = "start", label = false): string =>
  `<text${label ? " class=\"label\"" : ""} x="${x}" y="${y}" text-anchor="${anchor}">${escape(content)}</text>`

/** Small print: the style of the page sets the size of every text. */
const small = (x: number, y: number, content: string, anchor: Anchor = "start"): string =>
  text(x, y, content, anchor).replace("<text", "<text style=\"font-size:11px\"")

interface Box {
  readonly x: number
  readonly y: number
  readonly wide: number
  readonly high: number
}

const frame = ({ high, wide, x, y }: Box, look = "good"): string =>
  `<rect class="${look}" x="${x}" y="${y}" width="${wide}" height="${high}" rx="4" opacity="0.12"/>`
  + `<rect class="${look}-line" x="${x}" y="${y}" width="${wide}" height="${high}" rx="4" fill="none" style="stroke-width:1.5"/>`

/** A bar of the time in which a tier has a value. */
const bar = (from: number, to: number, y: number, look: string, content: string): string =>
  `<rect class="${look}" x="${from}" y="${y}" width="${to - from}" height="26" rx="4"/>`
  + `<text${look === "other" ? "" : " class=\"on\""} x="${(from + to) / 2}" y="${
    y + 18
  }" text-anchor="middle">${content}</text>`

type Point = readonly [x: number, y: number]

const rounded = (n: number): number => Math.round(n * 10) / 10

/** A line with a head at its end. */
const arrow = ([x1, y1]: Point, [x2, y2]: Point, look = "good"): string => {
  const length = Math.hypot(x2 - x1, y2 - y1)
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length]
  const corner = (side: number) => `${rounded(x2 - 9 * dx - side * 5 * dy)} ${rounded(y2 - 9 * dy + side * 5 * dx)}`
  return `<line class="${look}-line" x1="${x1}" y1="${y1}" x2="${rounded(x2 - 6 * dx)}" y2="${
    rounded(y2 - 6 * dy)
  }" style="stroke-width:2"/>`
    + `<path class="${look}" d="M${x2} ${y2}L${corner(1)}L${corner(-1)}z"/>`
}

/** A read passes memory and the store before it loads; the entry it finds answers it, and is kept on the way back. */
const drawTiers = (): string => {
  const boxes = [
    { x: 20, wide: 110, title: "a read", lines: ["of any caller", "in this process"] },
    { x: 210, wide: 140, title: "memory tier", lines: ["in this process:", "values as they are"] },
    { x: 430, wide: 140, title: "store tier", lines: ["a folder or a server:", "encoded, shared"] },
    { x: 644, wide: 100, title: "your effect", lines: ["one load", "for all callers"] }
  ]
  const [top, high] = [14, 78]
  const parts = boxes.flatMap(({ lines, title, wide, x }) => [
    frame({ x, y: top, wide, high }),
    text(x + wide / 2, top + 26, title, "middle", true),
    ...lines.map((line, i) => small(x + wide / 2, top + 47 + 16 * i, line, "middle"))
  ])
  const gaps = boxes.slice(1).map(({ x }, i) => [boxes[i]!.x + boxes[i]!.wide, x] as const)
  const labels = ["asks", "miss", "miss"]
  gaps.forEach(([from, to], i) => {
    parts.push(arrow([from + 4, top + 20], [to - 4, top + 20]), text((from + to) / 2, top + 12, labels[i]!, "middle"))
    parts.push(arrow([to - 4, top + 58], [from + 4, top + 58]))
  })
  const back = [["hit"], ["hit: kept", "in memory"], ["result:", "kept in both"]]
  gaps.forEach(([from, to], i) => {
    back[i]!.forEach((line, row) => parts.push(text((from + to) / 2, top + 76 + 16 * row, line, "middle")))
  })
  return svg(
    124,
    "A read asks memory, then the store, then runs the effect; the answer is kept on its way back.",
    parts
  )
}

/** Which tier has which value while process A invalidates an id that process B has in memory. */
const drawInvalidation = (): string => {
  const [left, right] = [150, 740]
  const rows = { memoryA: 52, store: 126, memoryB: 200 }
  const [called, removed, returned, heard, read, loaded] = [290, 330, 370, 450, 560, 610]
  const y = 252
  return svg(
    290,
    "Process A invalidates a value: it leaves the memory of A, the store, and when the store reports the change the memory of B. The next read in B loads again.",
    [
      ...Object.entries({ "memory of A": rows.memoryA, "store": rows.store, "memory of B": rows.memoryB })
        .map(([name, top]) => text(12, top + 18, name, "start", true)),
      text(called - 6, 32, "A invalidates", "end"),
      `<line class="bad-line" x1="${called}" x2="${called}" y1="20" y2="${rows.memoryA + 26}" stroke-dasharray="4 3"/>`,
      bar(left, called, rows.memoryA, "good", "v1"),
      arrow([called, rows.memoryA + 30], [removed - 1, rows.store - 2], "bad"),
      text(called - 2, rows.store - 14, "remove", "end"),
      bar(left, removed, rows.store, "good", "v1"),
      arrow([removed + 2, rows.store], [returned, rows.memoryA + 30], "other"),
      text(returned + 6, rows.memoryA + 42, "acknowledged: the call returns"),
      arrow([removed + 4, rows.store + 26], [heard - 1, rows.memoryB - 2], "bad"),
      text(removed + 84, rows.store + 48, "reports the change"),
      bar(left, removed, rows.memoryB, "good", "v1"),
      bar(removed + 2, heard, rows.memoryB, "stale", "old copy"),
      text(read - 8, rows.memoryB + 18, "B reads", "end"),
      bar(read, loaded, rows.memoryB, "other", "load"),
      arrow([loaded, rows.memoryB - 2], [loaded + 30, rows.store + 28]),
      bar(loaded + 2, right, rows.memoryB, "good", "v2"),
      bar(loaded + 32, right, rows.store, "good", "v2"),
      `<line class="axis" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>`,
      text(right, y + 20, "time", "end"),
      text((removed + heard) / 2, y + 20, "at most 100 ms", "middle"),
      `<line class="stale-line" x1="${removed + 2}" x2="${heard}" y1="${y}" y2="${y}" style="stroke-width:3"/>`
    ]
  )
}

/** The folders and modules of a floor of `src`. */
const contentsOf = (floor: number): string => {
  const names = new Set<string>()
  for (const file of globSync("**/*.ts", { cwd: "src" }).toSorted()) {
    const parts = file.replaceAll("\\", "/").replace(/\.ts$/, "").split("/")
    if (floorOf(`${parts.join("/")}.ts`) === floor) names.add(parts.slice(0, parts[0] === "drivers" ? 2 : 1).join("/"))
  }
  return [...names].join(" · ")
}

/** A text in lines of at most so many characters. */
const linesOf = (content: string, most: number): ReadonlyArray<string> =>
  content.match(new RegExp(`\\S.{0,${most - 1}}(?=\\s|$)`, "g"))!

/** The floors and rooms of the lint's table. */
const drawFloors = (): string => {
  const inRooms = linesOf(rooms.map((line) => line.join(" | ")).join(" < "), 84)
  const [left, right] = [20, 690]
  const parts = [
    `<path class="other-line" d="M${left - 10} 44L${(left + right) / 2} 10L${right + 10} 44z" fill="none"/>`
  ]
  let y = 48
  for (const [number, { name }] of Array.from(floors.entries()).toReversed()) {
    const floor = name.replace(/[()]/g, "")
    const lines = [...linesOf(contentsOf(number), 84), ...floor === "3 engine" ? inRooms : []]
    const high = 18 + 16 * lines.length
    parts.push(
      frame({ x: left, y, wide: right - left, high }, floor.startsWith("7") ? "other" : "good"),
      text(left + 12, y + 22, floor, "start", true),
      ...lines.map((line, i) => small(left + 190, y + 22 + 16 * i, line))
    )
    y += high + 6
  }
  parts.push(arrow([right + 20, 60], [right + 20, y - 12], "other"))
  parts.push(
    `<text transform="translate(${right + 34} ${
      (48 + y) / 2
    }) rotate(90)" text-anchor="middle">imports point down</text>`
  )
  return svg(
    y + 8,
    "Seven floors, from vocabulary and ports at the bottom to outer surfaces at the top; imports point down.",
    parts
  )
}

export const diagrams: ReadonlyMap<string, string> = new Map([
  ["docs/images/tiers.svg", drawTiers()],
  ["docs/images/invalidation.svg", drawInvalidation()],
  ["docs/images/floors.svg", drawFloors()]
])
