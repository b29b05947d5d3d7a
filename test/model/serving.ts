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
  "failover",
  "untilInvalidated"
] as const
export type Strategy = (typeof strategies)[number]

export const policies = ["normal", "strict", "readOnly", "refresh", "writeOnly", "bypass"] as const
export type Policy = (typeof policies)[number]

/** The entry that a read meets, and its past. */
export const states = [
  /** Nothing: it was never loaded, or was invalidated. */
  "absent",
  "fresh",
  /**
   * Past its soft deadline. With `failover` always; with `maxHits` once its reads are used up; with `probabilistic` if
   * the dice decide to refresh early.
   */
  "due",
  /** Marked as stale by a soft invalidation. */
  "softened",
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
  maxHits: { absent: load, fresh: serve, due: load, softened: load, "past its end": load },
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

/** Whether what a load brings under this policy may be served to others. */
export const stores = (policy: Policy): boolean => policy !== "readOnly" && policy !== "bypass"

/** Whether a read under this policy may be served what is stored. */
export const reads = (policy: Policy): boolean => policy === "normal" || policy === "strict" || policy === "readOnly"

/** `undefined`: an entry of this strategy is never in this state. */
export const cellOf = (strategy: Strategy, policy: Policy, state: State): Cell | undefined => {
  const cell = rows[strategy][state]
  if (cell === undefined) return undefined
  if (!reads(policy)) return load
  // A refresh would store what it loads.
  return cell.begins === "refresh" && !stores(policy) ? serve : cell
}
