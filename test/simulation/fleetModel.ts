/** Several processes on one store: the parts of a run, drawn from dice. */
import { Schema } from "effect"
import { CacheKey } from "effect-cached"
import type { Extras, Feature } from "./features.ts"
import type { Dice } from "./plan.ts"

export interface FleetConfig {
  readonly processes: number
  readonly workers: number
  readonly steps: number
  readonly ids: ReadonlyArray<string>
  /** Whether the store answers at once. */
  readonly asynchronous: boolean
  /** How likely an operation of the store goes wrong. */
  readonly faults: number
  /** How likely an operation makes the storage forget something. */
  readonly evictions: number
  /** How likely it has lost changes that it should report. */
  readonly gaps: number
  readonly memory: boolean
  readonly lease: number
  /** `Infinity`: a lease that is renewed is waited for. */
  readonly wait: number
  /** How long a lease is renewed. */
  readonly maxLoad: number
  /** Optional features of the processes. */
  readonly features: ReadonlyArray<Feature>
  readonly maxStaleness: number
  readonly storeTimeout: number
  readonly yieldChance: number
  /** Reads without a lease are among the program's. */
  readonly beside: boolean
  /** How far each process's wall clock is from the true time. */
  readonly clocks: ReadonlyArray<number>
  /** One process ends without a word, while it loads if it does so within a second. */
  readonly kill: { readonly at: number; readonly process: number } | undefined
  /** One process is stopped for a while, as by SIGSTOP. */
  readonly stop: { readonly at: number; readonly millis: number; readonly process: number } | undefined
  /** One process cannot read changes for a while. */
  readonly untracked: { readonly at: number; readonly millis: number; readonly process: number } | undefined
  /** The wall clocks of some processes are set back by so much. */
  readonly setBacks: ReadonlyArray<{ readonly at: number; readonly millis: number; readonly process: number }>
  /** The longest lifetime of what is stored, unless it is touched by hand. */
  readonly longestTtl: number
}

export const tagsOf: Readonly<Record<string, ReadonlyArray<string>>> = {
  a: ["T"],
  b: ["T", "U"],
  c: [],
  d: ["U"],
  e: ["T"]
}

/** The ids as a key class has them, where that is drawn. */
export class Item extends CacheKey.Class<Item>()("Item", {
  payload: { id: Schema.String },
  success: Schema.String,
  tags: ({ id }: { readonly id: string }) => tagsOf[id]!
}) {}

/** Either is a key to the functions of the library. */
export const keyOf = ({ features }: FleetConfig, id: string): string =>
  features.includes("classes") ? new Item({ id }) as never : id

/** The name of an id in this model. */
export const nameOf = (id: string): string => id.slice(id.lastIndexOf(":") + 1)

const longestLoad = 900

export const drawLoadMillis = (dice: Dice): number => {
  if (dice.chance(0.3)) return 0
  if (dice.chance(0.7)) return dice.below(40)
  return dice.chance(0.8) ? dice.below(200) : dice.below(longestLoad)
}

const allIds = ["a", "b", "c", "d", "e"]

const hour = 3_600_000

type Drawn = Omit<FleetConfig, "maxLoad" | "features" | "setBacks" | "longestTtl">

/** Adds the optional features of the processes. */
export const withExtras = (drawn: Drawn, { dice, diceOf, features }: Extras): FleetConfig => ({
  ...drawn,
  ...features.has("setBack") ? drawSetBacks(drawn, diceOf("setBack")) : { setBacks: [], longestTtl: Infinity },
  ...features.has("patient") ? { wait: Infinity } : {},
  maxLoad: features.has("patient") ? dice.pick([150, 600_000]) : 600_000,
  // A store that pushes changes answers asynchronously.
  ...features.has("pushes") ? { asynchronous: true } : {},
  // A store that lies goes wrong, like one that fails.
  ...features.has("lies") ? { faults: Math.max(drawn.faults, 0.05) } : {},
  // Bulk calls are of keys, and are for more of them.
  ...features.has("waves") ? { ids: allIds } : {},
  features: features.has("waves") ? Array.from(new Set([...features, "classes" as const])) : [...features]
})

/** Each clock is set back once at most. */
const drawSetBacks = (
  { processes }: Drawn,
  dice: Dice
): Partial<FleetConfig> & Pick<FleetConfig, "setBacks" | "longestTtl"> => {
  const longestTtl = dice.pick([200, 2000])
  const some = Array.from({ length: processes }, (_, process) => process).filter(() => dice.chance(0.8))
  const setBacks = some.map((process) => ({
    process,
    at: dice.below(longestTtl === 200 ? 300 : 3000),
    millis: dice.pick([1000, 5000, 60_000, hour])
  }))
  // Some of many ids are left alone for as long as entries live.
  return { longestTtl, setBacks, ...longestTtl === 2000 ? { ids: allIds } : {} }
}

/** How many caches a process has. Caches that receive pushed changes would each lose their connection separately. */
export const layersOf = ({ features }: FleetConfig): number =>
  features.includes("layers") && !features.includes("pushes") ? 2 : 1

/**
 * The time after which a waiting process loads beside the holder: without `wait` not before the other has renewed for
 * long enough.
 */
export const joinsAfter = ({ lease, maxLoad, wait }: FleetConfig): number => Math.min(wait, maxLoad + lease)

/** How long a load waits at most until it, or another that waits, runs beside the holder. */
export const longestWait = (config: FleetConfig): number =>
  config.wait < Infinity
    ? config.wait
    : 2 * config.processes * (longestLoad + config.lease)

export const drawFleet = (dice: Dice, howMany?: number): Drawn => {
  const few = 2 + dice.below(2)
  const processes = howMany ?? few
  const lease = dice.pick([100, 150, 400])
  const apart = dice.chance(0.4)
  const some = (share: number, millis: ReadonlyArray<number>) =>
    dice.chance(share)
      ? { at: dice.below(400), millis: dice.pick(millis), process: dice.below(processes) }
      : undefined
  return {
    processes,
    // One run in a hundred does little with many workers: they wait for each other.
    workers: howMany === undefined ? 1 + dice.below(3) : 1,
    steps: howMany === undefined ? 4 + dice.below(14) : 4,
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

/** A value came into being by a load or by a `set`. */
export interface FleetOrigin {
  readonly _tag: "Load" | "Set"
  /** A transaction that fails has set it: no reader may see it. */
  readonly isLost?: boolean | undefined
  readonly n: number
  readonly id: string
  readonly process: number
  /** Which of the caches of its process has loaded or set it. */
  readonly layer: number
  /** Invalidations after this do not affect it: `Infinity` until a `set` has ended. */
  latest: number
  /** On the common clock. */
  endedAt: number
  /** The time by the wall clock of its process when it was made. */
  stamp: number
  /** The owner of a lease that its cache had when it began. */
  readonly owner: string | undefined
  /** An answer that a call was not asked for: no generation guards it, and no caller joins it. */
  readonly isUnasked: boolean
  readonly begunAt: number
  /** When its process had last received all changes of the others. */
  readonly heard: number
}

export interface FleetWrite {
  readonly kind: "id" | "tag"
  readonly target: string
  readonly process: number
  /** Which of the caches of its process has done it. */
  readonly layer: number
  readonly asked: number
  done: number
  doneAt: number
  /** The store has accepted it before the caller continues. */
  acknowledged: boolean
  isByPattern?: true
}

export interface FleetRead {
  readonly id: string
  readonly process: number
  readonly layer: number
  /** Loads of its id that it may have joined, where its process has several caches. */
  readonly live: ReadonlySet<FleetOrigin>
  readonly begun: number
  /** When the oldest of the reads began whose question to the store it may share. */
  readonly asked: number
  readonly begunAt: number
  /** When its process had last received all changes of the others. */
  readonly heard: number
}
