/** The state of a run so far, and conclusions from it. */
import { Cause, Exit, type Fiber } from "effect"
import type { Caller, Flight } from "../../src/internal/engine/state.ts"
import {
  Bug,
  type Config,
  Down,
  type Load,
  type Origin,
  type Read,
  type SetOrigin,
  type Spec,
  type Thrown,
  type Touch,
  type Write
} from "./model.ts"

/** The writes and loads that a transaction has committed, or is about to commit. */
export interface Committed {
  readonly asked: number
  /** By id. */
  readonly set: ReadonlyMap<string, SetOrigin>
  readonly writes: ReadonlyArray<Write>
  /** The loads inside, whose results are stored with the commit, and their flights there. */
  readonly loaded: ReadonlyMap<Load, Flight>
  done: number
}

export interface World {
  readonly config: Config
  readonly now: () => number
  readonly say: (text: () => string) => void
  readonly violations: Array<string>
  readonly loads: Array<Load>
  readonly origins: Map<number, Origin>
  readonly writes: Array<Write>
  readonly touches: Array<Touch>
  readonly committed: Array<Committed>
  /** The origins of what reads outside of transactions were given. */
  readonly given: Set<number>
  /** By id: until when what is there may live at most, by the reads that moved its end. */
  readonly slidUntil: Map<number, number>
  /** By origin: the reads it was served to, by when they ended. */
  readonly servedTo: Map<number, Array<number>>
  /** By id: the reads with a constant, which may have shortened the life of what was there. */
  readonly constants: Map<string, Array<Read>>
  /** Ids that were read by a reader whose constant has no end. */
  readonly endless: Set<string>
  /** Values that loads have found to be still right, and those loads. */
  readonly renewals: Map<number, Array<Load>>
  /** The conditions `ifUnchanged` that have held. */
  readonly unchanged: Set<string>
  /** By thrown value: the read it has ended. */
  readonly thrownTo: Map<Thrown, object>
  /** Reads that have not ended. */
  readonly reading: Set<Read>
  /** Loads whose flight has not ended, as far as was looked. */
  readonly open: Set<Load>
  /** Earliest possible beginning of a load's flight. */
  readonly born: Map<Load, number>
  readonly counts: {
    reads: number
    bypassed: number
    interrupted: number
    /** Reads that ended with what a function or an option of their own was wrong with. */
    refused: number
    /** Results that are not stored because a function about them threw, or gave no answer. */
    notStored: number
    /** How often `copy` threw: for a caller, or for what is stored. */
    uncopied: number
    restarts: number
  }
  /** By what it gave to the engine. */
  readonly readers: WeakMap<object, Read>
  /** By id: when a read may last have replaced a running load with its own. */
  readonly replaced: Map<string, number>
  /** By id: the last read that joins nothing, and takes the place of what is queued too. */
  readonly overtaken: Map<string, number>
  /** Since when an id may have been loaded in the background. */
  readonly refreshed: Map<string, number>
  /** By id: when a strategy last failed to decide, which fails the load that asked it. */
  readonly undecided: Map<string, number>
  /** By call: when a reader left that may have waited for its loads. */
  readonly lastWaited: Map<Load["together"], number>
  /** The names of the writes that the store has received, and the turn of each. */
  readonly stored: Map<string, number>
  /** When another process removed something from the store, and the loads that ran then. */
  readonly foreign: Map<number, ReadonlySet<Load>>
  /** callers' timers, and the flight they waited for. */
  readonly timers: Map<Fiber.Fiber<unknown>, Caller>
  /** Some keys were asked for twice in one call. */
  asksTwice: boolean
  closeAskedAt: number | undefined
  closedAt: number | undefined
  /** The program has ended: loads need no others. */
  resting: boolean
  seq: number
  /** By how much the wall clock was set back. */
  setBackMillis: number
  setBackAt: number
  /** How many tasks have run. */
  turn: number
  /** How many reads were compared with an explanation, by what it had said. */
  readonly explained: Map<string, number>
}

export const makeWorld = (config: Config, now: () => number, log: Array<string> | undefined): World => ({
  config,
  now,
  say: log === undefined ? () => {} : (text) => void log.push(`${String(now()).padStart(6)} ${text()}`),
  violations: [],
  loads: [],
  origins: new Map(),
  writes: [],
  touches: [],
  committed: [],
  given: new Set(),
  slidUntil: new Map(),
  servedTo: new Map(),
  constants: new Map(),
  endless: new Set(),
  renewals: new Map(),
  unchanged: new Set(),
  thrownTo: new Map(),
  reading: new Set(),
  open: new Set(),
  born: new Map(),
  counts: { reads: 0, bypassed: 0, interrupted: 0, refused: 0, notStored: 0, uncopied: 0, restarts: 0 },
  readers: new WeakMap(),
  replaced: new Map(),
  overtaken: new Map(),
  refreshed: new Map(),
  undecided: new Map(),
  lastWaited: new Map(),
  stored: new Map(),
  foreign: new Map(),
  timers: new Map(),
  asksTwice: false,
  closeAskedAt: undefined,
  closedAt: undefined,
  resting: false,
  seq: 0,
  setBackMillis: 0,
  setBackAt: 0,
  turn: 0,
  explained: new Map()
})

/** The time of this world at a time of the wall clock, which begins at 0 and is set back by more than runs take. */
export const steadyOf = ({ setBackAt, setBackMillis }: World, wall: number): number =>
  wall >= 0 && wall <= setBackAt ? wall : wall + setBackMillis

/** The time of the wall clock, which entries tell. */
export const wallOf = ({ now, setBackMillis }: World): number => now() - setBackMillis

export const violate = (self: World, rule: string): void => {
  self.say(() => `VIOLATION ${rule}`)
  self.violations.push(rule)
}

/** The result of a `ttl` function for a value. */
export const ttlOfValue = (n: number): number => 5 + n % 40

export const ttlOf = (load: Load): number => {
  const own = strategyTtlOf(load)
  // If its strategy stores nothing, its own lifetime has no effect.
  return load.ttl === undefined || own <= 0 ? own : load.ttl
}

const strategyTtlOf = ({ failsAs, n, renews, spec }: Load): number =>
  spec.kind === "untilInvalidated" || spec.ttlFunction === "none" ? spec.ttl : ttlOfValue(renews ?? failsAs ?? n)

/** Its lifetime is a constant; `untilInvalidated` may be a strategy that is made from another one. */
export const hasConstant = ({ byFunction, kind, misuse, ttlFunction }: Spec): boolean =>
  ttlFunction === "none" && misuse === undefined && kind !== "untilInvalidated" &&
  (byFunction !== true || (kind !== "softTtl" && kind !== "refreshAhead"))

export const endReading = (self: World, read: Read): void => {
  self.reading.delete(read)
  read.answered = self.seq
}

/** The idle time of an entry whose end is moved by reads: how long it lives without any. */
export const idleOf = (load: Load): number =>
  load.spec.kind === "sliding" ? Math.min(load.spec.soft, ttlOf(load)) : ttlOf(load)

export const softOf = (load: Load): number => {
  const { kind, soft } = load.spec
  if (kind !== "softTtl" && kind !== "refreshAhead") return Infinity
  // A soft deadline at the end moves with it.
  return soft < strategyTtlOf(load) ? Math.min(soft, ttlOf(load)) : ttlOf(load)
}

/** A key with a ticket can be joined until its call has answered it, which is later than the end of the load. */
export const hasEnded = ({ exit, flight: own, ticket }: Load): boolean => {
  const flight = own ?? ticket?.flight
  return flight === undefined ? exit !== undefined && ticket?.isOpen !== true : flight.exit !== undefined
}

export const describe = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  if (exit === undefined) return "nothing"
  if (Exit.isSuccess(exit)) return valueText(exit.value)
  return exit.cause.reasons.map((reason) => {
    if (Cause.isInterruptReason(reason)) return "Interrupt"
    const thing = Cause.isFailReason(reason) ? reason.error : reason.defect
    return `${reason._tag} ${thing instanceof Down || thing instanceof Bug ? `#${thing.n}` : tagOf(thing)}`
  }).join(" + ")
}

const valueText = (value: unknown): string =>
  typeof value === "object" && value !== null && "n" in value ? `#${String(value.n)}` : String(value)

export const tagOf = (thing: unknown): string =>
  typeof thing === "object" && thing !== null && "_tag" in thing
    ? String(thing._tag)
    : thing instanceof Object
    ? thing.constructor.name
    : String(thing)

/** A call that answers for fewer keys than it was asked for. */
export const tooFew = new Error("too few")

/** Loads that ended with an interruption of their own making. */
export const interruptedItself = new WeakSet<Load>()

export const uninterruptible = new WeakSet<Load>()

/** Loads whose place another had taken before they began. */
export const displaced = new WeakSet<Load>()

/** Loads that began while a change of their id was pending: they do not go through the store. */
export const beside = new WeakSet<Load>()

/** The reader that started a flight; a request that was made again is another object over the one before. */
export const readerOf = (self: World, { request }: Flight): Read | undefined => {
  for (let asked: object | null = request; asked !== null; asked = Object.getPrototypeOf(asked) as object | null) {
    const reader = self.readers.get(asked)
    if (reader !== undefined) return reader
  }
  return undefined
}

export const covers = (write: Write, origin: Origin): boolean =>
  write.kind === "all" || (write.kind === "id" ? write.target === origin.id : hasTag(origin, write.target))

/** `class`, and `index a`: those that a key has of its own. */
const hasTag = ({ id, tags }: Origin, target: string): boolean =>
  target === "class" || target === `index ${id}` || tags.includes(target)

/** `maxHits` that also refreshes behind its reads. */
export const refreshes = ({ kind, soft }: Spec): boolean => kind === "maxHits" && soft % 2 === 0

export const readsNothing = (spec: Spec): boolean =>
  spec.policy === "refresh" || spec.policy === "writeOnly" || spec.policy === "bypass"

export const retryAfterOf = (spec: Spec): number => spec.retryAfter ?? (spec.kind === "failover" ? 0 : 5000)
