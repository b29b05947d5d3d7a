/**
 * P9, what a strategy serves: a table of all that a read may meet. Each cell says what must be served, and so also what
 * must not: a cache that always loads breaks it, and one that never does.
 */

export const strategies = [
  "ttl",
  "softTtl",
  "refreshAhead",
  "probabilistic",
  "sliding",
  "maxHits",
  "dynamic",
  "failover",
  "untilInvalidated"
] as const
export type Strategy = (typeof strategies)[number]

/** The parts of a cache that a policy uses. */
export interface Access {
  readonly cached: boolean
  readonly reads: boolean
  readonly writes: boolean
  readonly forgets: boolean
}

const access = (reads: boolean, writes: boolean, more?: Partial<Access>): Access => ({
  cached: true,
  reads,
  writes,
  forgets: false,
  ...more
})

export const accessOf = {
  normal: access(true, true),
  strict: access(true, true),
  storeTimeout: access(true, true),
  readOnly: access(true, false),
  disableSet: access(true, false),
  refresh: access(false, true),
  writeOnly: access(false, true),
  disableGet: access(false, true),
  bypass: access(false, false, { cached: false }),
  invalidateFurther: access(true, true, { forgets: true })
}
export type Policy = keyof typeof accessOf
export const policies = Object.keys(accessOf) as ReadonlyArray<Policy>

/** The entry that a read meets, and its past. */
export const states = [
  /** Nothing: it was never loaded, or was invalidated. */
  "absent",
  "fresh",
  /** Past its soft deadline. With `failover` always; with `probabilistic` if the dice decide to refresh early. */
  "due",
  /** Marked as stale by a soft invalidation. */
  "softened",
  /** It has been read as often as its hits allow. */
  "used up",
  "past its end",
  /** Due or softened, and a load has failed less than `retryAfter` ago, not with an answer. */
  "paused",
  /** Due or softened, a load has failed, and the pause after it is over. */
  "after an outage",
  /** Due or softened, and the origin has answered with a failure since. */
  "after an answer"
] as const
export type State = (typeof states)[number]

export interface Cell {
  /** `either`: what the load brings or, instead of an outage, the stored value. */
  readonly gets: "stored" | "loaded" | "either"
  readonly begins: "nothing" | "load" | "refresh"
  /** How long the read waits at most: not at all, for the load, or for the load and no longer than `softTimeout`. */
  readonly waits: "not" | "load" | "softTimeout"
  /**
   * In how many milliseconds after the read the load or refresh begins at the latest. The time in which the store
   * answers is not counted, and for a refresh the time in which all places of `refresh.concurrency` are taken.
   */
  readonly withinMillis: number
}

const serve: Cell = { gets: "stored", begins: "nothing", waits: "not", withinMillis: 0 }
const load: Cell = { gets: "loaded", begins: "load", waits: "load", withinMillis: 0 }
const tryFirst: Cell = { gets: "either", begins: "load", waits: "softTimeout", withinMillis: 0 }
const refresh: Cell = { gets: "stored", begins: "refresh", waits: "not", withinMillis: 0 }

type Row = { readonly [S in State]?: Cell }

/** Cells that cannot occur are left out. */
const rows: { readonly [S in Strategy]: Row } = {
  ttl: { absent: load, fresh: serve, softened: load, "past its end": load },
  softTtl: {
    absent: load,
    fresh: serve,
    due: tryFirst,
    softened: tryFirst,
    "past its end": load,
    paused: serve,
    "after an outage": tryFirst,
    "after an answer": load
  },
  refreshAhead: {
    absent: load,
    fresh: serve,
    due: refresh,
    softened: refresh,
    "past its end": load,
    paused: serve,
    "after an outage": refresh,
    "after an answer": refresh
  },
  probabilistic: {
    absent: load,
    fresh: serve,
    due: refresh,
    softened: load,
    "past its end": load,
    paused: serve,
    "after an outage": refresh,
    "after an answer": refresh
  },
  sliding: { absent: load, fresh: serve, softened: load, "past its end": load },
  maxHits: { absent: load, fresh: serve, softened: load, "used up": load, "past its end": load },
  dynamic: {
    absent: load,
    due: refresh,
    softened: load,
    "used up": load,
    "past its end": load,
    paused: serve,
    "after an outage": refresh,
    "after an answer": refresh
  },
  failover: {
    absent: load,
    due: tryFirst,
    softened: tryFirst,
    "past its end": load,
    paused: serve,
    "after an outage": tryFirst,
    "after an answer": load
  },
  untilInvalidated: { absent: load, fresh: serve, softened: load }
}

/** `undefined`: an entry of this strategy is never in this state. */
export const cellOf = (strategy: Strategy, policy: Policy, state: State): Cell | undefined => {
  const cell = rows[strategy][state]
  if (cell === undefined) return undefined
  const { reads, writes } = accessOf[policy]
  if (!reads) return load
  // A refresh would store what it loads.
  return cell.begins === "refresh" && !writes ? serve : cell
}

/** Whether a strategy answers an outage with a stale value. */
export const fallsBack = (strategy: Strategy): boolean => rows[strategy].due?.gets === "either"

/** The past of an entry that has not ended. */
export interface Past {
  /** Whether the origin has failed with an answer since the entry was stored. */
  readonly isAnswered: boolean
  /** The end of the pause after a failure; `-Infinity` if none has failed. */
  readonly pausedUntil: number
}

/** The state of an entry that is `fresh`, `due`, `softened` or `used up`, after what has happened since. */
export const stateAfter = (
  strategy: Strategy,
  state: State,
  { isAnswered, pausedUntil }: Past,
  now: number
): State => {
  const { begins, gets } = rows[strategy][state]!
  // Nothing but a fallback or a refresh has a pause.
  if (gets === "loaded" || begins === "nothing") return state
  if (isAnswered && fallsBack(strategy)) return "after an answer"
  if (now < pausedUntil) return "paused"
  return isAnswered ? "after an answer" : pausedUntil > -Infinity ? "after an outage" : state
}

const wordOf = (cell: Cell | undefined): string => {
  if (cell === undefined) return "–"
  if (cell.begins === "refresh") return "refresh"
  return cell.begins === "nothing" ? "serve" : cell.gets === "either" ? "load or stale" : "load"
}

/** The table as `docs/maintaining/serving.md` has it. */
export const tableText = (): string => {
  const line = (words: ReadonlyArray<string>): string => `| ${words.join(" | ")} |`
  const row = (strategy: Strategy): string =>
    line([
      strategy === "dynamic" ? "`maxHits` with `refreshAfter: 1`" : `\`${strategy}\``,
      ...states.map((state) => wordOf(cellOf(strategy, "normal", state)))
    ])
  return [line(["", ...states]), `|${"---|".repeat(states.length + 1)}`, ...strategies.map(row)].join("\n")
}
