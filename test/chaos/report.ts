/** The table of a suite, and its place in the documentation. */
import type { Outcome } from "./run.ts"

type Cells = ReadonlyArray<string>

const millis = (of: (outcome: Outcome) => number) => (outcome: Outcome): string => `${Math.ceil(of(outcome))} ms`

const cellOf = {
  "attack": ({ attack }: Outcome) => attack,
  "reads": ({ reads }: Outcome) => String(reads),
  "loads": ({ loads }: Outcome) => String(loads),
  "beside another": ({ doubled }: Outcome) => String(doubled),
  "stale by": millis(({ staleMillis }) => staleMillis),
  "slowest read": millis(({ slowestMillis }) => slowestMillis),
  "followed nothing": millis(({ untrackedMillis }) => untrackedMillis),
  "longest turn": millis(({ turnMillis }) => turnMillis),
  "of its own work": millis(({ turnCpuMillis }) => turnCpuMillis),
  "callers that failed": ({ failed }: Outcome) => String(failed),
  "strict invalidations refused": ({ refused }: Outcome) => String(refused),
  "on disk": ({ bytes }: Outcome) => `${(bytes / 1e6).toFixed(1)} MB`
}

export type Column = keyof typeof cellOf

export const table = (columns: ReadonlyArray<Column>, outcomes: ReadonlyArray<Outcome>): string =>
  [
    columns,
    columns.map(() => "---"),
    ...outcomes.map((outcome): Cells => columns.map((column) => cellOf[column](outcome)))
  ].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

export interface Measured {
  readonly columns: ReadonlyArray<Column>
  readonly outcomes: ReadonlyArray<Outcome>
  readonly seconds: number
  readonly cores: number
  /** How many processes of the whole machine wanted one of them, on average. */
  readonly wanting: number
}

const text = ({ columns, cores, outcomes, seconds, wanting }: Measured): string => {
  const stops = outcomes.reduce((sum, outcome) => sum + outcome.stops, 0)
  const stale = outcomes.reduce((sum, outcome) => sum + outcome.staleAfterStop, 0)
  const kills = outcomes.reduce((sum, outcome) => sum + outcome.kills, 0)
  return [
    `Each attack lasted ${seconds} seconds, on ${cores} cores which ${
      wanting.toFixed(0)
    } processes of the whole machine ` +
    `wanted on average. ${kills} ${
      kills === 1 ? "process was" : "processes were"
    } killed. In ${stops} stops, ${stale} reads returned a value that was invalidated while ` +
    `their process was stopped.`,
    "",
    table(columns, outcomes)
  ].join("\n")
}

/** A page with these attacks between the two comments of a suite. */
export const withAttacks = (page: string, name: string, measured: Measured): string => {
  const [start, end] = [`<!-- chaos ${name} -->\n`, `\n<!-- end of chaos ${name} -->`]
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from < 0 || to < 0) throw new Error(`the page has no place for the attacks on ${name}`)
  return page.slice(0, from + start.length) + text(measured) + page.slice(to)
}
