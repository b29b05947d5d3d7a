/** Instructions for a process of the suite. */
export interface Plan {
  readonly name: string
  /** A module of this folder that makes the store, as `storeOf` of `disk/store.ts`. */
  readonly store: string
  /** Parameters of that module: where the store is, how large it may become. */
  readonly where: Readonly<Record<string, unknown>>
  /** The path of the recording. */
  readonly file: string
  readonly seed: number
  /** How late the machine is is written down: nothing that the attack does makes it late. */
  readonly isWitnessed: boolean
  readonly work: Work
}

export interface Work {
  /** The number of fibers that write values of `valueBytes` under new keys, without a pause, beside the readers. */
  readonly writers: number
  readonly valueBytes: number
  /** The number of misses at once, every half second. */
  readonly herd: number
  /** The number of callers that ask for one key at once, in every process at the same time. */
  readonly waiters: number
  /** Loads take so long at most, in milliseconds. */
  readonly loadMillis: number
  /** Some loads do nothing else for so long, and let nothing else run. */
  readonly blockMillis: number
  /** Bulk calls, transactions, locks and entries that are loaded again after `briefMillis`, beside the readers. */
  readonly isMixed: boolean
  /** Options of the layer, in milliseconds; its own defaults where there is none. */
  readonly leaseMillis?: number
  readonly maxLoadMillis?: number
  readonly storeTimeoutMillis?: number
  readonly maxStalenessMillis?: number
}

export const calmWork: Work = {
  writers: 0,
  valueBytes: 20_000,
  herd: 0,
  waiters: 0,
  loadMillis: 20,
  blockMillis: 0,
  isMixed: false
}

/** The `softTtl` of the entries `brief`. Their soft deadlines are never later, however clocks are set. */
export const briefMillis = 2000

/** A turn of the event loop that is longer than this is recorded, in milliseconds. */
export const longTurnMillis = 8
