/**
 * Proves from the records of the processes that no limit was exceeded, and that no process entered a locked door beside
 * another.
 */
import type { Line } from "../../processes/recording.ts"
import { leaseMillis, limits, windowMillis } from "./plan.ts"

/** Clocks are read before and after what they time, and a place counts in whole milliseconds. */
const tolerance = 5

type Of = (what: string) => ReadonlyArray<Line>

export const checkGuards = (of: Of): ReadonlyArray<string> => [...checkLimits(of), ...checkLocked(of)]

/** The shortest time in which so many calls more than one may be let through. */
const leastMillis: { readonly [limit in keyof typeof limits]: (more: number) => number } = {
  // `more` calls touch a number of windows, and those in between passed as a whole.
  fixed: (more) => (Math.floor(more / limits.fixed) - 1) * windowMillis,
  log: (more) => Math.floor(more / limits.log) * windowMillis,
  bucket: (more) => (more - limits.bucket) * windowMillis / limits.bucket,
  counter: (more) => Math.floor(more / (2 * limits.counter)) * windowMillis
}

const checkLimits = (of: Of): ReadonlyArray<string> =>
  (Object.keys(limits) as ReadonlyArray<keyof typeof limits>).flatMap((limit) => {
    const calls = of("admitted").filter(({ id }) => id === limit)
    const begun = calls.map(({ at }) => at).toSorted((a, b) => a - b)
    const ended = calls.map(({ until }) => until).toSorted((a, b) => a - b)
    for (let more = 1; more <= 6 * limits[limit]; more++) {
      for (let first = 0; first + more < calls.length; first++) {
        // `more + 1` calls that had ended by then had not begun before.
        const span = ended[first + more]! - begun[first]!
        if (span < leastMillis[limit](more) - tolerance) {
          return [`the limit "${limit}" let ${more + 1} calls through in ${span.toFixed(1)} ms`]
        }
      }
    }
    return []
  })

/** A lock that was `robbed`, because its data was damaged, may have two holders until the first of them knows. */
export const checkLocked = (of: Of): ReadonlyArray<string> => {
  const left = new Map(of("left").map((line) => [line["token"], line.at]))
  const killed = new Map(of("killed").map((line) => [line.process, line.at]))
  // In the order of their tokens: a process that is stopped before it can begin may begin after the next one.
  const entered = of("entered").toSorted((a, b) => BigInt(String(a["token"])) < BigInt(String(b["token"])) ? -1 : 1)
  return entered.slice(1).flatMap((next, i) => {
    const holder = entered[i]!
    const leftAt = left.get(holder["token"]) ?? killed.get(holder.process) ?? Infinity
    if (leftAt <= next.at + tolerance) return []
    // A process that was stopped could not renew its lease.
    const from = Math.min(holder.at, next.at) - leaseMillis
    const until = Math.max(holder.at, next.at)
    const ofHolder = (line: Line) => line.process === holder.process && line.at < until && line.until > from
    const lost = of("lag").filter(ofHolder).reduce((sum, { at, until }) => sum + until - at, 0)
    const isStopped = of("stopped").some(ofHolder)
    const isRobbed = of("robbed").some((line) => line.at < next.at && leftAt - line.until < leaseMillis + lost)
    // A process that could not run has left that much later.
    const late = of("lag").reduce(
      (sum, { at, process, until }) =>
        process === holder.process ? sum + Math.max(0, Math.min(until, leftAt) - Math.max(at, next.at)) : sum,
      0
    )
    return isStopped || isRobbed || lost > leaseMillis / 3 || leftAt - next.at <= late + tolerance
      ? []
      : [
        `two at once behind a locked door: ${next.process} entered at ${
          next.at.toFixed(1)
        }, ${holder.process} left at ${leftAt.toFixed(1)}`
      ]
  })
}
