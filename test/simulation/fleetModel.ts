/** Several processes on one store: what a run is made of, drawn from dice. */
import type { Dice } from "./plan.ts"

export interface FleetConfig {
  readonly processes: number
  readonly workers: number
  readonly steps: number
  readonly ids: ReadonlyArray<string>
  /** whether the store answers at once */
  readonly asynchronous: boolean
  /** how likely an operation of the store goes wrong */
  readonly faults: number
  /** how likely an operation makes the storage forget something */
  readonly evictions: number
  /** how likely it has lost what it should tell of changes */
  readonly gaps: number
  readonly memory: boolean
  readonly lease: number
  readonly wait: number
  readonly maxStaleness: number
  readonly storeTimeout: number
  readonly yieldChance: number
  /** reads without a lease are among the program's */
  readonly beside: boolean
  /** how far each process's wall clock is from the true time */
  readonly clocks: ReadonlyArray<number>
  /** one process ends without a word, while it loads if it does so within a second */
  readonly kill: { readonly at: number; readonly process: number } | undefined
  /** one process is stopped for a while, as by SIGSTOP */
  readonly stop: { readonly at: number; readonly millis: number; readonly process: number } | undefined
  /** one process cannot read changes for a while */
  readonly untracked: { readonly at: number; readonly millis: number; readonly process: number } | undefined
}

export const tagsOf: Readonly<Record<string, ReadonlyArray<string>>> = { a: ["T"], b: ["T", "U"], c: [] }

export const longestLoad = 900

export const drawLoadMillis = (dice: Dice): number => {
  if (dice.chance(0.3)) return 0
  if (dice.chance(0.7)) return dice.below(40)
  return dice.chance(0.8) ? dice.below(200) : dice.below(longestLoad)
}

const hour = 3_600_000

export const drawFleet = (dice: Dice): FleetConfig => {
  const processes = 2 + dice.below(2)
  const lease = dice.pick([100, 150, 400])
  const apart = dice.chance(0.4)
  const some = (share: number, millis: ReadonlyArray<number>) =>
    dice.chance(share)
      ? { at: dice.below(400), millis: dice.pick(millis), process: dice.below(processes) }
      : undefined
  return {
    processes,
    workers: 1 + dice.below(3),
    steps: 4 + dice.below(14),
    ids: ["a", "b", "c"].slice(0, 1 + dice.below(3)),
    asynchronous: dice.chance(0.35),
    faults: dice.chance(0.35) ? dice.pick([0.05, 0.2]) : 0,
    evictions: dice.chance(0.3) ? 0.05 : 0,
    gaps: dice.chance(0.3) ? 0.3 : 0,
    memory: dice.chance(0.8),
    lease,
    wait: dice.pick([lease / 2, lease * 2, lease * 2]),
    maxStaleness: dice.pick([200, 500]),
    storeTimeout: 50,
    yieldChance: dice.pick([0, 0.02, 0.1, 0.3]),
    beside: dice.chance(0.15),
    clocks: Array.from({ length: processes }, () => apart ? dice.below(2 * hour) - hour : 0),
    kill: some(0.3, [0]),
    stop: some(0.25, [30, 300, 1500]),
    untracked: some(0.3, [100, 400, 1500])
  }
}

/** a value came into being by a load or by a `set` */
export interface FleetOrigin {
  readonly _tag: "Load" | "Set"
  readonly n: number
  readonly id: string
  readonly process: number
  /** what is invalidated after it does not concern it: `Infinity` until a `set` has ended */
  latest: number
  /** on the common clock */
  endedAt: number
  /** of the lease it runs under */
  readonly owner: string | undefined
}

export interface FleetWrite {
  readonly kind: "id" | "tag"
  readonly target: string
  readonly process: number
  readonly asked: number
  done: number
  doneAt: number
  /** the store has taken it before the caller went on */
  acknowledged: boolean
}

export interface FleetRead {
  readonly id: string
  readonly process: number
  readonly begun: number
  readonly begunAt: number
  /** when its process had last heard of all that others did */
  readonly heard: number
  /** how long its process had been stopped when it began */
  readonly stopped: number
}
