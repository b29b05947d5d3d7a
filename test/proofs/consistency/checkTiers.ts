/**
 * Proves that tiers are never staler than their bound, from the records of the processes: no read serves a value that
 * was invalidated longer ago, whatever was killed, stopped, lost or silent. Pure.
 */
import type { Line } from "../../processes/recording.ts"
import { birthsOf, groupBy } from "./check.ts"
import { bulkIds, ids as ownIds } from "./plan.ts"

const ids = { ...ownIds, ...bulkIds }

export interface TiersVerdict {
  readonly violations: ReadonlyArray<string>
  readonly reads: number
  /** The reads that a copy in a tier before the last one has answered. */
  readonly fromCopies: number
  /** How long ago the oldest value that was served had been invalidated. */
  readonly oldestMillis: number
}

/** The time in which a process could not run, within a period. */
const lostOf = (lines: ReadonlyArray<Line>) => {
  // Times without tracking are no excuse: the bound is for them.
  const lags = groupBy(
    lines.filter(({ what, ...more }) => what === "stopped" || (what === "lag" && more["untracked"] !== true)),
    (line) => line.process
  )
  return (process: string, from: number, to: number): number => {
    let lost = 0
    let end = from
    for (const lag of (lags.get(process) ?? []).toSorted((a, b) => a.at - b.at)) {
      const begin = Math.max(end, lag.at)
      const until = Math.min(to, lag.until)
      if (until > begin) lost += until - begin
      end = Math.max(end, until)
    }
    return lost
  }
}

const concerns = (change: Line, id: string): boolean =>
  change["all"] === true || change.id === id || (ids[id] ?? []).includes(String(change["tag"]))

export const checkTiers = (lines: ReadonlyArray<Line>, boundMillis: number): TiersVerdict => {
  const of = (what: string) => lines.filter((line) => line.what === what)
  const lost = lostOf(lines)
  const bornAt = birthsOf(of)
  const reached = of("changed").filter((line) => line["reached"] === true).toSorted((a, b) => a.until - b.until)
  const violations = of("died").map((line) => `${line.process} died: ${String(line["cause"])}`)
  let oldestMillis = 0
  for (const [id, reads] of groupBy(of("read"), (line) => line.id!)) {
    const changes = reached.filter((change) => concerns(change, id))
    for (const read of reads) {
      const born = bornAt.get(`${id} ${String(read["value"])}`)
      // The first change after the value was made: a change that began earlier may have been of an older value.
      const change = born === undefined ? undefined : changes.find(({ at }) => at > born)
      if (change === undefined || change.until >= read.at) continue
      const age = read.at - change.until - lost(read.process, change.until, read.at)
      oldestMillis = Math.max(oldestMillis, age)
      if (age > boundMillis) {
        violations.push(
          `staler than ${boundMillis} ms: ${read.process} read "${String(read["value"])}" of "${id}" at ` +
            `${read.at.toFixed(1)}, ${age.toFixed(0)} ms after ${change.process} had invalidated it`
        )
      }
    }
  }
  return {
    violations,
    reads: of("read").length,
    fromCopies: of("read").filter((line) => line["isCopy"] === true).length,
    oldestMillis
  }
}
