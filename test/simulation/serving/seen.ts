/** A run as rules look at it, and what they ask about a read. */
import { accessOf, type Cell, cellOf } from "../../model/serving.ts"
import type { Verdict } from "../decide.ts"
import { type Entry, type Situation, situationsOf } from "./history.ts"
import { failureOf, idOf, type Load, type Read, type Run, valueOf, verdictOf, type Write } from "./log.ts"

export interface Seen extends Run {
  readonly situations: ReadonlyMap<Read, Situation>
  readonly reads: ReadonlyArray<Read>
  readonly loads: ReadonlyArray<Load>
  /** Loads and sets by their numbers. */
  readonly origins: ReadonlyMap<number, Load | Write>
  /** The first run of a read's own effect. */
  readonly loadBy: ReadonlyMap<Read, Load>
}

export const seenOf = (run: Run): Seen => {
  const loads = run.log.filter((one) => one._tag === "Load")
  return {
    ...run,
    situations: situationsOf(run),
    reads: run.log.filter((one) => one._tag === "Read"),
    loads,
    origins: new Map(run.log.flatMap((one) => one._tag === "Read" ? [] : [[one.n, one] as const])),
    loadBy: new Map(loads.map((load) => [load.by, load] as const).reverse())
  }
}

/** A read in its cell of the table. */
export interface Met extends Situation {
  readonly cell: Cell
}

/** Asks a rule about a read that may be served, if the rule applies to its cell. Beside other things it is excused. */
export const judge = (
  seen: Seen,
  read: Read,
  { applies, asks }: {
    readonly applies: (met: Met) => boolean
    readonly asks: (met: Met) => Verdict
  }
): Verdict => {
  const situation = seen.situations.get(read)
  const cell = situation && cellOf(read.spec.strategy, read.policy, situation.state)
  if (situation === undefined || cell === undefined || !accessOf[read.policy].reads) return undefined
  if (!applies({ ...situation, cell })) return undefined
  return situation.isAlone ? asks({ ...situation, cell }) : "excused"
}

const gotText = (read: Read): string => {
  const n = valueOf(read)
  return `got ${n === undefined ? failureOf(read) ?? "nothing" : `#${n}`} after ${read.endedAt - read.begunAt} ms`
}

export const nameOf = (read: Read): string =>
  `read ${read.spec.id} @${read.n} (${read.spec.strategy}, ${read.policy}) ${gotText(read)}`

/** It got what is stored, in the same millisecond. */
export const isServed = (read: Read, entry: Entry): boolean =>
  read.endedAt === read.begunAt && (entry.isValue ? valueOf(read) === entry.n : failureOf(read) === "Gone")

/** The first load of the id after a read began. */
export const nextLoad = ({ loads }: Seen, read: Read): Load | undefined =>
  loads.find((load) => load.n > read.n && idOf(load) === read.spec.id)

/** The load that a read has waited for. `undefined`: it may have been one of several. */
export const awaited = (seen: Seen, read: Read): Load | undefined => {
  const own = seen.loadBy.get(read)
  const last = own?.n ?? read.ended
  const all = seen.loads.filter((load) => load.n > read.n && load.n <= last && load.id === read.spec.id)
  return all.length === 1 ? all[0] : undefined
}

/** It begins at once. */
export const beginsNow = (load: Load | undefined, read: Read): load is Load =>
  load !== undefined && load.begunAt === read.begunAt

/** It got the outcome of a load, when that ended. */
export const hasOutcome = (read: Read, { endedAt, n, outcome }: Load): boolean =>
  read.endedAt === endedAt && (outcome === "Value" ? valueOf(read) === n : failureOf(read) === outcome)

/** How a read that loads first, and has something to fall back on, must end. `undefined`: unknown. */
export const endOf = (
  { read, entry }: Situation,
  { endedAt, outcome }: Load
): { readonly gets: "stored" | "load"; readonly at: number } | undefined => {
  const { spec } = read
  const late = read.begunAt + (spec.softTimeout ?? Infinity)
  if (endedAt === late) return undefined
  const isOutage = (outcome === "Down" || outcome === "Gone") && verdictOf(spec, outcome) === "outage"
  const at = Math.min(endedAt, late)
  const fallsBack = (isOutage || late < endedAt) && at < entry!.endsAt
  return fallsBack ? { gets: "stored", at } : late < endedAt ? undefined : { gets: "load", at }
}

/** Whether a refresh may have no place: as many others run in that millisecond. */
export const areFull = ({ concurrency, loads }: Seen, { begunAt, spec }: Read): boolean =>
  loads.filter((load) => load.begunAt <= begunAt && load.endedAt >= begunAt && load.id !== spec.id).length >=
    concurrency

export const isWrittenNow = ({ log }: Seen, { begunAt, spec }: Read): boolean =>
  log.some((one) => one._tag === "Write" && one.id === spec.id && one.begunAt === begunAt)
