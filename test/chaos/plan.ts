/** What a process of the suite is told. */
export interface Plan {
  readonly name: string
  /** a module of this folder that makes the store, as `storeOf` of `disk/store.ts` */
  readonly store: string
  /** what that module needs: where the store is, how large it may become */
  readonly where: Readonly<Record<string, unknown>>
  /** of the recording */
  readonly file: string
  readonly seed: number
  readonly work: Work
}

export interface Work {
  /** so many fibers write values of so many bytes under new keys, without a pause, beside those who read */
  readonly writers: number
  readonly valueBytes: number
  /** so many misses at once, every half second */
  readonly herd: number
  /** loads take so long, in milliseconds */
  readonly loadMillis: number
}

export const calmWork: Work = { writers: 0, valueBytes: 20_000, herd: 0, loadMillis: 20 }

/** A turn of the event loop that is longer than this is recorded, in milliseconds. */
export const longTurnMillis = 8
