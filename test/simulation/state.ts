/** The state of a run so far, and conclusions from it. */
import { Cause, Exit, type Fiber } from "effect"
import type { Judged, Tallies } from "./decide.ts"
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
  /** The loads inside, whose results are stored with the commit. */
  readonly loaded: ReadonlySet<Load>
  done: number
}

export interface World extends Judged {
  readonly config: Config
  readonly now: () => number
  readonly loads: Array<Load>
  readonly origins: Map<number, Origin>
  readonly writes: Array<Write>
  readonly touches: Array<Touch>
  readonly committed: Array<Committed>
  /** The origins of what reads outside of transactions were given. */
  readonly given: Set<number>
  /** By id: until when what is there may live at most, by the reads that moved its end. */
  readonly slidUntil: Map<number, number>
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
  /** Reads with another policy than the usual one. */
  readonly otherPolicies: Array<Read>
  /** Loads that have not ended, or may not have been stored. */
  readonly open: Set<Load>
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
  /** By id: when the last read of it that was open has ended, and when one has left. */
  readonly lastRead: Map<string, number>
  readonly lastLeft: Map<string, number>
  /** By origin: in which turn the store has received it. */
  readonly stored: Map<number, number>
  /** When another process removed something from the store, and the loads that ran then. */
  /** The number of what had happened when the store last applied an invalidation of tags. */
  tagsInvalidated: number
  readonly foreign: Map<number, ReadonlySet<Load>>
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

interface Running {
  readonly now: () => number
  readonly log: Array<string> | undefined
  readonly tallies: Tallies
}

export const makeWorld = (config: Config, { log, now, tallies }: Running): World => ({
  config,
  now,
  say: log === undefined ? () => {} : (text) => void log.push(`${String(now()).padStart(6)} ${text()}`),
  violations: [],
  tallies,
  loads: [],
  origins: new Map(),
  writes: [],
  touches: [],
  committed: [],
  given: new Set(),
  slidUntil: new Map(),
  constants: new Map(),
  endless: new Set(),
  renewals: new Map(),
  unchanged: new Set(),
  thrownTo: new Map(),
  reading: new Set(),
  otherPolicies: [],
  open: new Set(),
  counts: { reads: 0, bypassed: 0, interrupted: 0, refused: 0, notStored: 0, uncopied: 0, restarts: 0 },
  lastRead: new Map(),
  lastLeft: new Map(),
  stored: new Map(),
  tagsInvalidated: 0,
  foreign: new Map(),
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

/** Its tags are known only at the end of its load. */
export const hasLateTags = ({ annotates, late }: Spec): boolean => late !== "no" || annotates?.tags !== undefined

/** A load beside an unanswered write does not go through the store. */
export const isBesideWrite = ({ writes }: World, load: Load): boolean =>
  writes.some((write) => write.done > bornOf(load) && write.asked < load.ended)

export const endReading = (self: World, read: Read, hasLeft = false): void => {
  self.reading.delete(read)
  self.lastRead.set(read.id, self.now())
  read.answered = ++self.seq
  read.hasLeft = hasLeft || self.now() - read.begunAt >= (read.spec?.timeout ?? Infinity)
  if (read.hasLeft) self.lastLeft.set(read.id, self.seq)
}

/** The idle time of an entry whose end is moved by reads: how long it lives without any. */
export const idleOf = (load: Load): number =>
  load.spec.kind === "sliding" ? Math.min(load.spec.soft, ttlOf(load)) : ttlOf(load)

/** How long the result of a load may be on its way to the store, in which it can still be joined. */
const storingMillis = ({ config: { store, storeTimeout } }: World): number =>
  store === "none" || store === "sync" ? 0 : 4 * storeTimeout

/** A key of a call can be joined until the call is answered, and any until its result is stored. */
const hasEnded = (self: World, { by, endedAt, isShared }: Load): boolean =>
  endedAt !== undefined &&
  (!isShared || (by !== undefined && !self.reading.has(by) && self.now() > endedAt + storingMillis(self)))

/** The loads of an id that a reader may join. */
export const liveOf = (self: World, id: string): ReadonlyArray<Load> => {
  for (const load of self.open) if (hasEnded(self, load)) self.open.delete(load)
  return Array.from(self.open).filter((load) => load.id === id)
}

/** Since when it may be loaded: when the read began whose effect it is. */
export const bornOf = ({ by, n }: Load): number => by?.begun ?? n

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

export const covers = (write: Write, origin: Origin): boolean =>
  write.kind === "all" || (write.kind === "id" ? write.target === origin.id : hasTag(origin, write.target))

/** `class`, and `index a`: those that a key has of its own. */
const hasTag = ({ id, tags }: Origin, target: string): boolean =>
  target === "class" || target === `index ${id}` || tags.includes(target)

/** The fiber has been interrupted: a load then only releases what it has. */
export const isInterrupted = (fiber: Fiber.Fiber<unknown, unknown> | undefined): boolean =>
  (fiber as unknown as { readonly _interruptedCause: unknown } | undefined)?._interruptedCause !== undefined

/** `maxHits` that also refreshes behind its reads. */
export const refreshes = ({ kind, soft }: Spec): boolean => kind === "maxHits" && soft % 2 === 0

export const readsNothing = (spec: Spec): boolean =>
  spec.policy === "refresh" || spec.policy === "writeOnly" || spec.policy === "bypass"
