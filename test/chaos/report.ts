/** The table of a suite, and its place in the documentation. */
import { readFileSync, writeFileSync } from "node:fs"
import type { Outcome } from "./run.ts"

type Cells = ReadonlyArray<string>

const columns: ReadonlyArray<readonly [head: string, of: (outcome: Outcome) => string]> = [
  ["attack", ({ attack }) => attack],
  ["reads", ({ reads }) => String(reads)],
  ["loads", ({ loads }) => String(loads)],
  ["beside another", ({ doubled }) => String(doubled)],
  ["stale by", ({ staleMillis }) => `${Math.ceil(staleMillis)} ms`],
  ["longest turn", ({ turnMillis }) => `${Math.ceil(turnMillis)} ms`],
  ["of its own work", ({ turnCpuMillis }) => `${Math.ceil(turnCpuMillis)} ms`],
  ["callers that failed", ({ failed }) => String(failed)],
  ["strict invalidations refused", ({ refused }) => String(refused)],
  ["on disk", ({ bytes }) => `${(bytes / 1e6).toFixed(1)} MB`]
]

export const table = (outcomes: ReadonlyArray<Outcome>): string =>
  [
    columns.map(([head]) => head),
    columns.map(() => "---"),
    ...outcomes.map((outcome): Cells => columns.map(([, of]) => of(outcome)))
  ].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

interface Measured {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly seconds: number
  readonly cores: number
  /** how many processes of the whole machine wanted one of them, on average */
  readonly wanting: number
}

const text = ({ cores, outcomes, seconds, wanting }: Measured): string => {
  const stops = outcomes.reduce((sum, outcome) => sum + outcome.stops, 0)
  const stale = outcomes.reduce((sum, outcome) => sum + outcome.staleAfterStop, 0)
  const kills = outcomes.reduce((sum, outcome) => sum + outcome.kills, 0)
  return [
    `Each attack went on for ${seconds} seconds, on ${cores} cores which ${
      wanting.toFixed(0)
    } processes of the whole machine ` +
    `wanted on average. ${kills} processes were killed. After ${stops} stops ${stale} reads gave what was invalidated while ` +
    `their process was stopped.`,
    "",
    table(outcomes)
  ].join("\n")
}

/** Replaces what stands between the two comments of a suite. */
export const writeInto = (file: URL, name: string, measured: Measured): void => {
  const document = readFileSync(file, "utf8")
  const [start, end] = [`<!-- chaos ${name} -->\n`, `\n<!-- end of chaos ${name} -->`]
  const [from, to] = [document.indexOf(start), document.indexOf(end)]
  if (from < 0 || to < 0) throw new Error(`${file.pathname} has no place for the attacks on ${name}`)
  writeFileSync(file, document.slice(0, from + start.length) + text(measured) + document.slice(to))
}
