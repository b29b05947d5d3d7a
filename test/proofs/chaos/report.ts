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

export const columnsWithout = (unmeasured: ReadonlyArray<Column>): ReadonlyArray<Column> =>
  (Object.keys(cellOf) as Array<Column>).filter((column) => !unmeasured.includes(column))

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

/** The columns on the page, where the suite measures them. The command prints all. */
const onPage: ReadonlyArray<Column> = ["attack", "stale by", "slowest read", "strict invalidations refused"]

/** The attacks that have a row of their own. */
const isNoted = ({ failed, refused }: Outcome): boolean => failed > 0 || refused >= 10

/** The worst of the other attacks, as one row. */
const worstOf = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Outcome> =>
  outcomes.length === 0 ? [] : [{
    ...outcomes[0]!,
    attack: `the other ${outcomes.length} attacks, at worst`,
    staleMillis: Math.max(...outcomes.map(({ staleMillis }) => staleMillis)),
    slowestMillis: Math.max(...outcomes.map(({ slowestMillis }) => slowestMillis)),
    refused: Math.max(...outcomes.map(({ refused }) => refused))
  }]

const text = ({ columns, cores, outcomes, seconds, wanting }: Measured): string => {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const failed = sum((outcome) => outcome.failed)
  return [
    `Each attack lasted ${seconds} seconds, on ${cores} cores with ${wanting.toFixed(0)} runnable processes. ` +
    `${failed === 0 ? "No caller failed." : `${failed} callers failed.`} In ${sum(({ stops }) => stops)} stops of a ` +
    `process, ${sum(({ staleAfterStop }) => staleAfterStop)} reads returned a value invalidated during the stop.`,
    "",
    table(onPage.filter((column) => columns.includes(column)), [
      ...outcomes.filter(isNoted),
      ...worstOf(outcomes.filter((outcome) => !isNoted(outcome)))
    ])
  ].join("\n")
}

/** A page with these attacks between the two comments of a suite. */
export const withAttacks = (page: string, name: string, measured: Measured): string => {
  const [start, end] = [`<!-- chaos ${name} -->\n`, `\n<!-- end of chaos ${name} -->`]
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from < 0 || to < 0) throw new Error(`the page has no place for the attacks on ${name}`)
  return page.slice(0, from + start.length) + text(measured) + page.slice(to)
}
