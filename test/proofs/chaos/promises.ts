/** Promises to callers besides P2: how long they wait, and how old an entry becomes that is not changed. */
import type { Line } from "../../processes/recording.ts"
import { briefMillis } from "./plan.ts"

const show = ({ at, id, process, what }: Line): string => `${process} ${what} ${id ?? ""} at ${at.toFixed(0)}`

/**
 * Callers that have waited for longer than `longestMillis`, and longer than what was `struck` meanwhile explains. The
 * load that they waited for may have been late with any process of the machine.
 */
export const waitedTooLong = (
  answered: ReadonlyArray<Line>,
  struck: ReadonlyArray<Line>,
  lags: ReadonlyArray<Line>,
  longestMillis: number
): ReadonlyArray<string> => {
  const late = lags.toSorted((a, b) => a.at - b.at)
  return answered.filter(({ at, until }) => until - at > longestMillis).flatMap((line) => {
    const causes = struck.filter((one) => one.at < line.until && one.until + Number(one["costMillis"]) > line.at)
    const waited = line.until - line.at - lasted(late, line)
    const allowed = causes.reduce((sum, one) => sum + Number(one["costMillis"]), longestMillis)
    return waited <= allowed
      ? []
      : [`${show(line)} waited for ${waited.toFixed(0)} ms: ${causes.map((one) => String(one["by"])).join(", ")}`]
  })
}

/** How long any of the lags, which are in their order, lasted within a line. */
const lasted = (lags: ReadonlyArray<Line>, { at, until }: Line): number => {
  let [sum, end] = [0, at]
  for (const lag of lags) {
    if (lag.at >= until) break
    sum += Math.max(0, Math.min(lag.until, until) - Math.max(lag.at, end))
    end = Math.max(end, lag.until)
  }
  return sum
}

/** The time of the server is known as exactly as its answers are early, also on a busy machine. */
const inexactMillis = 2000

/** Entries that were served after their lifetime, which begins when their load has ended. */
export const servedTooLong = (
  of: (what: string) => ReadonlyArray<Line>,
  lags: ReadonlyArray<Line>
): ReadonlyArray<string> => {
  const loaded = new Map(of("loaded").map((line) => [line["value"], line]))
  return of("brief").flatMap((line) => {
    const load = loaded.get(line["value"])!
    const late = line.at - load.until - briefMillis
    if (late <= inexactMillis) return []
    // A process that cannot run when its load has ended takes the time later.
    const begunLate = lags
      .filter(({ at, process, until }) => process === load.process && at < load.until + 50 && until > load.until)
      .reduce((latest, { until }) => Math.max(latest, until - load.until), 0)
    if (late - begunLate <= inexactMillis) return []
    return [`${show(line)} = ${String(line["value"])} served ${late.toFixed(0)} ms after its end`]
  })
}
