/**
 * Proves P1 and P2, and the rules of generations, limits, locks and transactions, from what the processes have written.
 * Pure: the same lines give the same verdict.
 */
import type { Line } from "../../processes/recording.ts"
import { checkBank } from "./checkBank.ts"
import { checkGuards } from "./checkGuards.ts"
import { bulkIds, ids as ownIds, seenWithinMillis } from "./plan.ts"

const ids = { ...ownIds, ...bulkIds }

export interface Verdict {
  readonly violations: ReadonlyArray<string>
  readonly reads: number
  readonly values: number
  readonly changes: number
  readonly granted: number
  readonly stored: number
  readonly refused: number
  /** Calls that limits let through, calls that they refused, and holders of the lock. */
  readonly admitted: number
  readonly limited: number
  readonly entered: number
  /** Transactions that have moved an amount, and look-ups beside them. */
  readonly moved: number
  readonly looked: number
  readonly faults: number
  /**
   * The oldest value that was served after an invalidation elsewhere, less the time in which its reader could not run.
   */
  readonly latestMillis: number
  /**
   * Reads of what was invalidated while their process was stopped. Those of the very turn that was stopped are no
   * violation.
   */
  readonly staleAfterStop: number
}

/** Clocks are read before and after what they time, and the store's counts in whole milliseconds. */
const tolerance = 5

/**
 * `removes`: leases were removed too, so only reads are judged. Changes by others must be seen within `withinMillis`,
 * unless a record shows that they could not arrive, or that the machine itself was late (`test/support/witness.ts`).
 */
export const check = (said: ReadonlyArray<Line>, removes = false, withinMillis = seenWithinMillis): Verdict => {
  const lines = [...said, ...unsaidLags(said)]
  const of = (what: string) => lines.filter((line) => line.what === what)
  const reads = checkReads(of, withinMillis)
  const violations = [
    ...of("died").map((line) => `${line.process} died: ${String(line["cause"])}`),
    ...reads.violations,
    // Limits are lost with their file.
    ...removes ? [] : checkGuards(of),
    // And so are accounts.
    ...removes ? [] : checkBank(of),
    ...removes
      ? []
      : Object.keys(ids).flatMap((
        id
      ) => [
        ...checkLeads(id, lines),
        ...checkPuts(id, lines),
        ...checkRefusals(id, lines),
        ...checkRemovals(id, lines)
      ])
  ]
  const puts = of("commit").map((line) => line["answer"])
  return {
    violations,
    reads: of("read").length,
    values: of("value").length,
    changes: of("changed").length,
    granted: of("acquire").filter((line) => line["answer"] === "Granted").length,
    stored: puts.filter((answer) => answer === true).length,
    refused: puts.filter((answer) => answer === false).length,
    admitted: of("admitted").length,
    limited: of("limited").length,
    entered: of("entered").length,
    moved: of("moved").length,
    looked: of("looked").length,
    faults: lines.filter((line) => line["fault"] === true).length,
    latestMillis: reads.latestMillis,
    staleAfterStop: reads.staleAfterStop
  }
}

/**
 * A process that is killed while it cannot run, because a disk is slow, has not recorded that: it has recorded nothing
 * since then.
 */
const unsaidLags = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const byProcess = groupBy(lines.filter(({ what }) => what !== "killed" && what !== "stopped"), (line) => line.process)
  return lines.filter(({ what }) => what === "killed").flatMap(({ process, until }) => {
    const said = byProcess.get(process) ?? []
    const at = said.reduce((latest, line) => Math.max(latest, line.until), -Infinity)
    return at > -Infinity && at < until ? [{ what: "lag", process, at, until }] : []
  })
}

export const groupBy = (
  lines: ReadonlyArray<Line>,
  by: (line: Line) => string
): ReadonlyMap<string, ReadonlyArray<Line>> => {
  const groups = new Map<string, Array<Line>>()
  for (const line of lines) {
    const group = groups.get(by(line))
    if (group === undefined) groups.set(by(line), [line])
    else group.push(line)
  }
  return groups
}

type Of = (what: string) => ReadonlyArray<Line>

const show = (line: Line): string =>
  `${line.process} ${line.what} ${line.id ?? String(line["tag"] ?? "all")}${
    line["value"] === undefined ? "" : ` = "${String(line["value"])}"`
  } [${line.at.toFixed(1)}, ${line.until.toFixed(1)}]`

// ---------------------------------------------------------------------------------------------------------------------
// P2: no read that starts after an invalidation sees what was loaded before it
// ---------------------------------------------------------------------------------------------------------------------

export const concerns = (change: Line, id: string): boolean =>
  change["all"] === true || change.id === id || ids[id]?.includes(String(change["tag"])) === true

/** Changes in the order in which they were completed, and the latest beginning among the first n of them. */
interface Completed {
  readonly changes: ReadonlyArray<Line>
  readonly latest: ReadonlyArray<number>
}

const completed = (changes: ReadonlyArray<Line>): Completed => {
  const sorted = changes.toSorted((a, b) => a.until - b.until)
  let last = -Infinity
  return { changes: sorted, latest: sorted.map(({ at }) => last = Math.max(last, at)) }
}

/** How many were completed before a time. */
const countBefore = ({ changes }: Completed, time: number): number => {
  let [low, high] = [0, changes.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (changes[middle]!.until < time) low = middle + 1
    else high = middle
  }
  return low
}

const nameOf = (line: Line): string => `${line.id} ${String(line["value"])}`

/**
 * A load's value is as old as the beginning of the load. A value that is set comes in when the set is carried out: at
 * its end at the latest.
 */
export const birthsOf = (of: Of): ReadonlyMap<string, number> => {
  const sets = new Map(of("changed").map((line) => [nameOf(line), line.until]))
  const begun = new Set(of("changed begins").map(nameOf))
  return new Map(
    of("value").map((line) => {
      const name = nameOf(line)
      return [name, sets.get(name) ?? (begun.has(name) ? Infinity : line.at)]
    })
  )
}

/** How long a process could not run between two times. */
type During = (process: string, from: number, to: number) => number

const during = (lines: ReadonlyArray<Line>): During => {
  const groups = groupBy(lines, (line) => line.process)
  return (process, from, to) =>
    (groups.get(process) ?? []).reduce(
      (sum, { at, until }) => sum + Math.max(0, Math.min(to, until) - Math.max(from, at)),
      0
    )
}

/**
 * A process that ends, or is killed, before it can track changes again has not recorded how long it could not: until
 * then.
 */
const neverTracked = (of: Of): ReadonlyArray<Line> => {
  const lags = groupBy(of("lag"), (line) => line.process)
  const isOver = ({ at, process }: Line) =>
    lags.get(process)?.some((lag) => lag.at <= at && lag.until > at && lag["untracked"] === true) === true
  return of("untracked").filter((line) => !isOver(line)).map((line) => ({ ...line, until: Infinity }))
}

/**
 * How late the machine was for a process between two times, at most, beside the time in which that could not run. The
 * library takes the delay of one change several times: it receives the change, asks the server whether it is its own,
 * and passes it on.
 */
const latenessOf = (of: Of, missed: During): During => {
  const groups = groupBy(of("witnessed"), (line) => line.process)
  return (process, from, to) =>
    (groups.get(process) ?? []).reduce(
      (most, { at, until }) =>
        at < to && until > from ? Math.max(most, (until - at - missed(process, at, until)) * timesAsLate) : most,
      0
    )
}

const timesAsLate = 5

/** How long a process may take to notice that the folder was replaced, by default: it looks every 50 ms. */
const noticedMillis = 60

/**
 * Changes as others know them. Where an older copy has replaced the folder, later changes are repeated when their
 * process finds that out; a process that is dead by then never does.
 */
const redone = (of: Of, missed: During): ReadonlyArray<Line> => {
  const replaced = of("replaced")
  const changes = of("changed").filter((line) => line["reached"] === true)
  if (replaced.length === 0) return changes
  const killedAt = new Map(of("killed").map(({ at, process }) => [process, at]))
  return changes.flatMap((change) => {
    let { until } = change
    for (const { at: copiedAt, until: replacedAt, ...more } of replaced) {
      if (until < copiedAt || change.until > replacedAt) continue
      const noticedAt = replacedAt + Number(more["noticedMillis"] ?? noticedMillis) +
        missed(change.process, replacedAt, replacedAt + 2500)
      if ((killedAt.get(change.process) ?? Infinity) < noticedAt) return []
      until = Math.max(until, noticedAt)
    }
    return [{ ...change, until }]
  })
}

/** The store names the keys of the class otherwise than its readers. */
const idOf = ({ id }: Line): string | undefined => id?.replace(/^~bulk@[^:]*:\d+:/, "bulk:")

/** The last request of each kind by the reader for the id, and when it last could not track changes. */
const lastRequests = (of: Of, read: Line): string =>
  ["acquire", "commit", "set", "remove", "changed", "tracked", "untracked"].flatMap((what) => {
    const last = of(what).findLast((line) =>
      line.process === read.process && (line.id === undefined || idOf(line) === read.id) && line.at < read.at
    )
    return last === undefined ? [] : [`${what} ${last.at.toFixed(1)}${last["fault"] === true ? " failed" : ""}`]
  }).join(", ")

const checkReads = (of: Of, withinMillis: number) => {
  const bornAt = birthsOf(of)
  const missed = during([...of("lag"), ...neverTracked(of)])
  const lateness = latenessOf(of, missed)
  const stops = groupBy(of("stopped"), (line) => line.process)
  const isAfterStop = (read: Line, change: Line) =>
    (stops.get(read.process) ?? []).some((stop) =>
      stop.at < change.until && change.until < stop.until && stop.until < read.at
    )
  const known = redone(of, missed)
  const violations: Array<string> = []
  let latestMillis = 0
  let staleAfterStop = 0
  for (const [id, reads] of groupBy(of("read"), (line) => line.id!)) {
    const changes = of("changed").filter((line) => concerns(line, id))
    const own = new Map(
      Array.from(groupBy(changes, (line) => line.process), ([process, changes]) => [process, completed(changes)])
    )
    const reached = completed(known.filter((line) => concerns(line, id)))
    for (const read of reads) {
      const born = bornAt.get(nameOf(read))
      if (born === undefined) {
        violations.push(`a value that no process made:  ${show(read)}`)
        continue
      }
      const mine = own.get(read.process)
      const before = mine === undefined ? 0 : countBefore(mine, read.at)
      if (before > 0 && mine!.latest[before - 1]! > born) {
        const change = mine!.changes.slice(0, before).find(({ at }) => at > born)!
        violations.push(`P2, in one process: ${show(read)} after ${show(change)}, made at ${born.toFixed(1)}`)
      }
      const count = countBefore(reached, read.at)
      if (count === 0 || reached.latest[count - 1]! <= born) continue
      for (let i = count - 1; i >= 0 && reached.latest[i]! > born; i--) {
        const change = reached.changes[i]!
        if (change.at <= born) continue
        if (isAfterStop(read, change)) staleAfterStop++
        const late = read.at - change.until - missed(read.process, change.until, read.at)
        latestMillis = Math.max(latestMillis, late)
        if (late <= withinMillis + lateness(read.process, change.until, read.at)) continue
        violations.push(
          `P2, of another process: ${show(read)} ${late.toFixed(0)} ms after ${show(change)}, made at ${
            born.toFixed(1)
          }; requests: ${lastRequests(of, read)}`
        )
        break
      }
    }
  }
  return { violations, latestMillis, staleAfterStop }
}

// ---------------------------------------------------------------------------------------------------------------------
// P1: while one leads, nobody else does
// ---------------------------------------------------------------------------------------------------------------------

const enders = new Set(["commit", "release", "set", "remove", "clear", "changed"])

/**
 * Writes that may end a lease or a generation (a lost `clear` is replayed long after the program has changed all). For
 * a process that was killed in between there is no end.
 */
const endings = (id: string, lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.flatMap((line): ReadonlyArray<Line> => {
    const begins = line.what.endsWith(" begins")
    const what = begins ? line.what.slice(0, -" begins".length) : line.what
    if (!enders.has(what) || (line.id !== id && line["all"] !== true)) return []
    if (what === "changed" && line["all"] !== true) return []
    return [begins ? { ...line, what, until: Infinity, unfinished: true } : line]
  })

/** Without the beginnings of what is known to have ended. */
const settled = (endings: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const ended = new Set(endings.filter((line) => line["unfinished"] !== true).map(keyOf))
  return endings.filter((line) => line["unfinished"] !== true || !ended.has(keyOf(line)))
}

/** A server may still carry out a command this long after it has failed: it was stopped, or the machine is late. */
const carriedOutMillis = 2000

/** A failed write may be carried out later. */
const carriedOut = (end: Line): Line => end["fault"] === true ? { ...end, until: end.until + carriedOutMillis } : end

const keyOf = (line: Line): string => `${line.process} ${line.what} ${line.at}`

const checkLeads = (id: string, lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const ends = settled(endings(id, lines)).filter((line) => line.what !== "commit" || line["answer"] !== false)
    .map(carriedOut)
  const granted = lines.filter((line) =>
    line.what === "acquire" && line.id === id && line["answer"] === "Granted" && line["join"] === false
  ).toSorted((a, b) => a.until - b.until)
  const keeps = groupBy(
    lines.filter((line) => line.what === "renew" && line.id === id && line["answer"] === true),
    (line) => String(line["owner"])
  )
  const exclusiveUntil = (first: Line, second: Line): number => {
    const proofs = [first, ...(keeps.get(String(first["owner"])) ?? []).filter(({ until }) => until < second.at)]
    return Math.max(...proofs.map((line) => line.at + (line["leaseMillis"] as number)))
  }
  const isAllowed = (first: Line, second: Line): boolean =>
    second.until > exclusiveUntil(first, second) - tolerance ||
    ends.some((end) =>
      end.at < second.until && end.until > first.at &&
      (end.what !== "release" || end["owner"] === first["owner"])
    )
  return granted.flatMap((second, i) => {
    const first = granted[i - 1]
    if (first === undefined || first["owner"] === second["owner"] || isAllowed(first, second)) return []
    // A process that was stopped in between learns late that it leads: of two at once either may have been the first.
    if (second.at < first.until && isAllowed(second, first)) return []
    return [
      `P1, two lead: ${show(first)} is exclusive until ${exclusiveUntil(first, second).toFixed(1)}, ${show(second)}`
    ]
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// no value of a generation that has ended is stored
// ---------------------------------------------------------------------------------------------------------------------

/** When each generation was given first: `at` at the earliest, `until` at the latest. */
const givenTimes = (id: string, lines: ReadonlyArray<Line>, time: "at" | "until"): ReadonlyMap<string, number> => {
  const given = new Map<string, number>()
  for (const line of lines) {
    if (line.what !== "acquire" || line.id !== id || line["answer"] !== "Granted") continue
    const generation = String(line["generation"])
    given.set(generation, Math.min(given.get(generation) ?? Infinity, line[time]))
  }
  return given
}

const checkPuts = (id: string, lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const given = givenTimes(id, lines, "until")
  const ends = settled(endings(id, lines)).filter((line) =>
    line.what !== "release" && line["fault"] !== true && line["answer"] !== false || line.what === "remove"
  ).filter((line) => line["fault"] !== true && Number.isFinite(line.until))
    .toSorted((a, b) => a.at - b.at)
  return ends.flatMap((put) => {
    if (put.what !== "commit" || put["answer"] !== true) return []
    const givenAt = given.get(String(put["generation"])) ?? Infinity
    const end = ends.find((end) => end !== put && end.at > givenAt && end.until < put.at && end["reached"] !== false)
    return end === undefined
      ? []
      : [`an ended generation is stored: ${show(put)}, given at ${givenAt.toFixed(1)}, after ${show(end)}`]
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// a value is refused only where its generation has ended: not because another process leads by now
// ---------------------------------------------------------------------------------------------------------------------

const checkRefusals = (id: string, lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const given = givenTimes(id, lines, "at")
  // The removal of what is not there ends a generation, too.
  const ends = settled(endings(id, lines))
    .filter((end) => end.what !== "release" && (end.what === "remove" || end["answer"] !== false))
    .map(carriedOut)
  return lines.flatMap((put) => {
    if (put.what !== "commit" || put.id !== id || put["answer"] !== false) return []
    const givenAt = given.get(String(put["generation"])) ?? -Infinity
    return ends.some((end) => end.until > givenAt && end.at < put.until)
      ? []
      : [`refused, and nothing has ended its generation: ${show(put)}, given at ${givenAt.toFixed(1)}`]
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// an entry is removed once: of several removals, only one finds it
// ---------------------------------------------------------------------------------------------------------------------

const checkRemovals = (id: string, lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const writes = settled(endings(id, lines))
    .filter((end) => end.what === "set" || (end.what === "commit" && end["answer"] !== false))
    .map(carriedOut)
  const removals = lines.filter((line) => line.what === "remove" && line.id === id && line["answer"] === true)
    .toSorted((a, b) => a.until - b.until)
  const isWrittenBetween = (first: Line, second: Line): boolean =>
    writes.some((write) => write.until > first.at && write.at < second.until)
  return removals.flatMap((second, i) => {
    const first = removals[i - 1]
    // The one that was answered last may have been carried out first.
    return first === undefined || isWrittenBetween(first, second) || isWrittenBetween(second, first)
      ? []
      : [`an entry is removed twice: ${show(first)}, ${show(second)}`]
  })
}
