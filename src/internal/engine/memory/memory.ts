/** The memory tier. */
import * as Dependents from "#platform/engine/memory/dependents"
import * as Entries from "#platform/engine/memory/entries"
import type { RemovalCause } from "../../../CacheEvent.ts"
import type { Eviction, Policy } from "../../../ports/eviction.ts"
import type { Weigher } from "../../../ports/weigher.ts"
import { weightOf } from "../../eviction/nodes.ts"
import type { Counters } from "../../store/counters.ts"
import type { Tokens } from "../../token.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"
import type { MakeCurve, MeasuredPolicy } from "./curve.ts"
import * as Deadlines from "./deadlines.ts"
import type { Dependents as DependentTags } from "./dependents.ts"
import type { Entries as EntriesById } from "./entries.ts"
import type { Entry } from "./entry.ts"
import { makePolicy } from "./evictionPolicy.ts"
import * as TagEpochs from "./tagEpochs.ts"
import { weighWith } from "./weigh.ts"

/** Removes expired entries of one memory tier in time. */
export interface Sweeper {
  /** after an entry has come in */
  readonly noteEntry: () => void
  /** before an operation on a memory that rests */
  readonly wake: () => void
  /** nothing is removed because it has expired any more */
  readonly stop: () => void
  readonly isStopped: () => boolean
}

/** The part of the engine that the memory tier and the store tier need. */
export interface MemoryTier extends Telemetry {
  readonly memory: Memory
  readonly tagEpochs: TagEpochs.TagEpochs
  /** the counters of `increment`, for a cache without a store */
  readonly counters: Counters
  /** makes write ids and owners, and seeds what needs random bits of its own */
  readonly tokens: Tokens
  /** moves with every write and invalidation: an answer that the store gave before must not enter memory after */
  mutations: number
  closed: boolean
}

/** The memory tier: decoded entries by id, at most `capacity` of them, or of what they weigh. */
interface Memory {
  readonly entries: EntriesById
  /** what makes it, where a part of the entries needs one of its own */
  readonly eviction: Eviction
  policy: Policy
  /** around the policy, where the layer asks for it */
  readonly curve: MeasuredPolicy | undefined
  readonly deadlines: Deadlines.Deadlines
  /** the tags of ids on which entries here and running loads depend */
  readonly dependents: DependentTags
  /** 0 where there is no memory tier */
  capacity: number
  /** how many changes of the capacity have begun: a later one takes the place of one that goes on */
  resizes: number
  /** what all entries weigh */
  weight: number
  /** weighs a new entry; `undefined`, or an answer above the capacity: it is not kept */
  weigh: ((entry: Entry) => number | undefined) | undefined
  /** how many entries have left, by cause, and what the evicted ones weighed */
  readonly removals: Record<RemovalCause, number>
  evictedWeight: number
  /** called for every entry that leaves memory, before the listeners */
  readonly onGone: (entry: Entry) => void
  /** what removes expired entries in time; `undefined`: they leave when their room is needed */
  readonly sweeper: Sweeper | undefined
  /** whether that rests, and the next operation has to wake it */
  rests: boolean
  /** called for every entry that leaves memory */
  onRemoval: ReadonlyArray<RemovalListener> | undefined
  /** tells of who has left in the steps of `together`; `undefined` outside of them */
  untold: Array<() => void> | undefined
}

/** How many entries have left, by cause. */
export const noRemovals: Record<RemovalCause, number> = {
  evicted: 0,
  expired: 0,
  replaced: 0,
  invalidated: 0,
  unverified: 0
}

export type RemovalListener = (entry: Entry, cause: RemovalCause) => void

interface MemoryOptions {
  readonly capacity: number
  readonly eviction: Eviction
  /** `undefined`: each entry weighs 1 */
  readonly weigher: Weigher | undefined
}

interface Around {
  /** a function, because the engine is still being made */
  readonly telemetry: () => Telemetry
  /** 32 random bits of the cache's own generator */
  readonly seed: () => number
  /** called for every entry that leaves memory, before the listeners */
  readonly onGone: (entry: Entry) => void
  readonly sweeper: Sweeper | undefined
  readonly makeCurve: MakeCurve | undefined
}

export const make = (
  { capacity, eviction, weigher }: MemoryOptions,
  { makeCurve, onGone, seed, sweeper, telemetry }: Around
): Memory => {
  const entries = Entries.make()
  const weighed = weigher !== undefined
  const policy = makePolicy({ capacity, eviction, seed, weighed }, { entries, telemetry })
  const curve = makeCurve?.(policy, { capacity, seed, weighed })
  return {
    entries,
    eviction,
    policy: curve?.policy ?? policy,
    curve,
    deadlines: Deadlines.make(),
    dependents: Dependents.make(),
    capacity,
    resizes: 0,
    weight: 0,
    weigh: weigher && weighWith(weigher, telemetry),
    removals: { ...noRemovals },
    evictedWeight: 0,
    onGone,
    sweeper,
    rests: false,
    onRemoval: undefined,
    untold: undefined
  }
}

export const isWeighed = (self: Memory): boolean => self.weigh !== undefined

/** The entry of an id, unless one of its tags was invalidated hard. The strategy decides whether it is fresh. */
export const peek = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
  if (self.rests) self.sweeper!.wake()
  const entry = self.entries.get(id)
  return entry === undefined || entry.checkedAt === tags.epoch ? entry : check(self, tags, id)
}

const check = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
  // the poll that this may start can remove the entry
  tags.ensureTracking?.()
  const entry = self.entries.get(id)
  if (entry === undefined) return undefined
  if (TagEpochs.changedSince(tags, entry.tags, entry.checkedAt)) {
    remove(self, id, "invalidated")
    return undefined
  }
  if (TagEpochs.softenedSince(tags, entry.tags, entry.checkedAt)) entry.softExpiresAt = -Infinity
  entry.checkedAt = tags.epoch
  return entry
}

/** Tells the eviction policy about a read, if the entry is in memory: an entry of the store may not be. */
export const touch = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) === entry) self.policy.read(entry)
}

/**
 * Puts an entry in memory. Where there is no room, what has expired leaves before anything that may still be served. An
 * entry that has no weight, or more than there is room for, is not kept, nor is the one that it replaces.
 */
export const put = (self: Memory, entry: Entry, now: number): void => {
  if (self.capacity === 0) return
  if (self.weigh !== undefined) {
    const weight = self.weigh(entry)
    if (weight === undefined || weight > Math.min(self.capacity, Number.MAX_SAFE_INTEGER)) {
      return void remove(self, entry.id, "replaced")
    }
    entry.weight = weight
  }
  const stays = self.entries.has(entry.id)
  place(self, entry, now)
  makeRoom(self, { newest: entry, stays }, now, Infinity)
  self.sweeper?.noteEntry()
}

/** The entry that room is made for. One that has replaced another stays where others can leave. */
interface Coming {
  readonly newest: Entry
  readonly stays: boolean
}

/** Lets entries go until all have room, or so many have left; the newest leaves where the policy names no other. */
const makeRoom = (self: Memory, coming: Coming | undefined, now: number, most: number): void => {
  for (let left = most; left > 0 && isOver(self); left--) {
    const expired = Deadlines.firstExpired(self.deadlines, now)
    if (expired !== undefined) drop(self, expired, "expired")
    else {
      const victim = victimOf(self, coming)
      // a policy of a user has emptied memory meanwhile
      if (victim === undefined) return
      self.evictedWeight += weightOf(victim)
      drop(self, victim, "evicted")
    }
  }
}

/** Takes a step towards another capacity: at most so many entries leave, and the capacity is what is left. */
export const shrink = (self: Memory, capacity: number, now: number, most: number): void => {
  self.capacity = capacity
  makeRoom(self, undefined, now, most)
  self.capacity = Math.max(capacity, self.weight)
}

/** Whether an entry has to leave: no policy can name one where there is none. */
const isOver = (self: Memory): boolean => self.weight > self.capacity && self.entries.size > 0

/** Gives an entry other deadlines by hand: they are no constant of a strategy. It may be in memory or not. */
export const setDeadlines = (self: Memory, entry: Entry, expiresAt: number): void => {
  entry.live(undefined, entry.softExpiresAt === -Infinity ? -Infinity : expiresAt, expiresAt)
  reorder(self, entry)
}

/** After the deadline of an entry was moved. It may be in memory or not. */
export const reorder = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) === entry) Deadlines.changed(self.deadlines, entry)
}

/** The entry to evict. It is in memory, so that each eviction makes room. */
const victimOf = ({ entries, policy }: Memory, coming: Coming | undefined): Entry | undefined => {
  const newest = coming?.newest
  let victim = policy.victim()
  if (victim === newest && coming?.stays) {
    policy.read(newest!)
    victim = policy.victim()
    // an order that reads do not change
    if (victim === newest) { for (victim of entries.values()) if (victim !== newest) break }
  }
  // the nodes of a policy are entries; a listener that was told of a removal may have removed the newest one too
  return victim as Entry | undefined ?? (newest && entries.get(newest.id)) ?? entries.values().next().value
}

const place = (self: Memory, entry: Entry, now: number): void => {
  const { entries, policy } = self
  const old = entries.get(entry.id)
  entries.set(entry.id, entry)
  if (entry.tags.length > 0) Dependents.enter(self.dependents, entry)
  self.weight += weightOf(entry) - (old === undefined ? 0 : weightOf(old))
  if (old !== undefined) Deadlines.remove(self.deadlines, old)
  Deadlines.add(self.deadlines, entry)
  if (old === undefined) return policy.added(entry)
  Dependents.leave(self.dependents, old)
  policy.replaced!(old, entry)
  left(self, old, old.expiresAt <= now ? "expired" : "replaced")
}

export const remove = (self: Memory, id: string, cause: RemovalCause): boolean => {
  const entry = self.entries.get(id)
  if (entry === undefined) return false
  drop(self, entry, cause)
  return true
}

const drop = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  self.entries.delete(entry.id)
  self.weight -= weightOf(entry)
  Deadlines.remove(self.deadlines, entry)
  self.policy.removed(entry)
  Dependents.leave(self.dependents, entry)
  left(self, entry, cause)
}

const left = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  self.removals[cause]++
  self.onGone(entry)
  if (self.onRemoval !== undefined) gone(self, entry, cause)
}

/** An entry that has expired leaves. */
export const expire = (self: Memory, entry: Entry): void => drop(self, entry, "expired")

/**
 * Removes all entries in one step, however many there are, and gives them: nobody is told of them yet. They stay linked to
 * each other, so whoever holds one of them for long would keep all: what flights may hold is removed before.
 */
export const empty = (self: Memory, cause: RemovalCause): ReadonlyMap<string, Entry | undefined> => {
  const { dependents, deadlines, entries, policy } = self
  self.removals[cause] += entries.size
  self.weight = 0
  const left = Entries.empty(entries)
  Deadlines.removeAll(deadlines)
  Dependents.leaveAll(dependents)
  if (policy.cleared !== undefined) policy.cleared()
  // a policy of a user
  else for (const entry of left.values()) if (entry !== undefined) policy.removed(entry)
  return left
}

/**
 * Runs steps that remove several entries. The listeners are told after the last: one that reads must not find what a
 * later step removes.
 */
export const together = <A>(self: Memory, steps: () => A): A => {
  if (self.untold !== undefined) return steps()
  const untold: NonNullable<Memory["untold"]> = self.untold = []
  try {
    return steps()
  } finally {
    self.untold = undefined
    for (const tell of untold) tell()
  }
}

/** Tells the listeners of an entry that has left. */
export const gone = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  if (self.untold !== undefined) return void self.untold.push(() => gone(self, entry, cause))
  // a listener that throws is isolated: see `isolated` in telemetry/events.ts
  self.onRemoval?.forEach((listener) => listener(entry, cause))
}
