/** Numbers about a pipeline, and their texts. */

/**
 * How far a pipeline is.
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** The rows that have been read and answered. */
  readonly rows: number
  /** The ids whose loads this pipeline has begun: calls of the source, and refreshes that its reads began. */
  readonly calls: number
  /** The other rows with a result: it was stored, another load of the id was running, or an earlier row had the id. */
  readonly saved: number
  /** The results of calls that the store could not keep, so that the next run requests them again. */
  readonly unsaved: number
  /** The rows that have failed. */
  readonly failed: number
  /** The rows for which `payload` returned `undefined`. */
  readonly skipped: number
  readonly millis: number
  readonly rowsPerSecond: number
  /** The share of the input that has been read, from 0 to 1. `undefined` if the size of the input is not known. */
  readonly share: number | undefined
  readonly millisLeft: number | undefined
  /** All this in one line: `300 rows (25%): 20 calls, 279 saved, 1 failed, 150 a second, 6.0 s left`. */
  readonly text: string
}

/**
 * The result of a pipeline.
 * @category models
 * @since 0.1.0
 */
export interface Summary extends Omit<Progress, "share" | "millisLeft" | "text"> {
  /** The file with the results. `undefined` if they went to a sink. */
  readonly output: string | undefined
  /** The file with the failed rows. `undefined` if there is none. */
  readonly failures: string | undefined
  /**
   * If an earlier run was killed, the number of rows that may have been in flight then: their calls were made again.
   * `undefined` if no earlier run was killed, or if the results went to a sink.
   */
  readonly calledAgain: number | undefined
  /** The price of all calls, and of the calls that the cache has saved. `undefined` without the option `price`. */
  readonly cost: { readonly spent: number; readonly saved: number } | undefined
  /** The cached results whose rows are not in the input, if the option `left` is set. */
  readonly left: {
    readonly count: number
    /** The ids of the first hundred. */
    readonly ids: ReadonlyArray<string>
    readonly removed: boolean
  } | undefined
  /** All this in a few lines. */
  readonly text: string
}

type Counts = Omit<Progress, "rowsPerSecond" | "millisLeft" | "text">

/** @internal */
export const progressOf = (counts: Counts): Progress => {
  const { millis, rows, share } = counts
  const known = share !== undefined && share > 0
  return withText(progressText, {
    ...counts,
    rowsPerSecond: millis === 0 ? 0 : Math.round(rows / millis * 1000),
    millisLeft: known ? Math.round(millis * (1 - share) / share) : undefined
  })
}

/** @internal */
export const summaryOf = (summary: Omit<Summary, "text">): Summary => withText(summaryText, summary)

const withText = <A extends object>(textOf: (of: A) => string, of: A) => ({ ...of, text: textOf(of) })

const count = (value: number): string => value.toLocaleString("en")

const length = (millis: number): string => {
  if (millis < 60_000) return `${(millis / 1000).toFixed(1)} s`
  const minutes = Math.round(millis / 60_000)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Enough digits for prices of a fraction of a cent. */
const amount = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 6 })

const plural = (value: number, one: string): string => `${count(value)} ${one}${value === 1 ? "" : "s"}`

const answered = ({ calls, failed, saved, skipped, unsaved }: Omit<Counts, "share">): string =>
  [
    plural(calls, "call"),
    `${count(saved)} saved`,
    ...unsaved > 0 ? [`${count(unsaved)} unsaved`] : [],
    ...failed > 0 ? [`${count(failed)} failed`] : [],
    ...skipped > 0 ? [`${count(skipped)} skipped`] : []
  ].join(", ")

const progressText = (progress: Omit<Progress, "text">): string => {
  const { millisLeft, rows, rowsPerSecond, share } = progress
  const read = share === undefined ? "" : ` (${Math.floor(share * 100)}%)`
  const left = millisLeft === undefined ? "" : `, ${length(millisLeft)} left`
  return `${plural(rows, "row")}${read}: ${answered(progress)}, ${count(rowsPerSecond)} a second${left}`
}

const summaryText = (summary: Omit<Summary, "text">): string => {
  const { calledAgain, cost, failed, failures, left, millis, output, rows, unsaved } = summary
  return [
    `${plural(rows, "row")} in ${length(millis)}: ${answered(summary)}`,
    ...cost === undefined ? [] : [`The calls cost ${amount(cost.spent)}, and the cache saved ${amount(cost.saved)}.`],
    ...unsaved === 0 ? [] : [`The store could not keep ${plural(unsaved, "result")}: the next run calls again.`],
    ...calledAgain === undefined
      ? []
      : [`An earlier run was killed: the calls of at most ${plural(calledAgain, "row")} were made again.`],
    ...left === undefined || left.count === 0
      ? []
      : [
        `${plural(left.count, "cached result")} of rows that are not in the input${
          left.removed ? " were removed" : ""
        }.`
      ],
    ...failures === undefined ? [] : [`${plural(failed, "failed row")} in ${failures}`],
    ...output === undefined ? [] : [`Written to ${output}`]
  ].join("\n")
}
