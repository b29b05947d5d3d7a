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

export interface Sweeper {
  readonly noteEntry: () => void
  /** Called before an operation on a memory at rest. */
  readonly wake: () => void
  readonly stop: () => void
  readonly isStopped: () => boolean
}

export interface MemoryTier extends Telemetry {
  readonly memory: Memory
  readonly tagEpochs: TagEpochs.TagEpochs
  /** The counters of `increment`, in a cache without a store. */
  readonly counters: Counters
  /** Makes write ids and owners, and seeds random generators. */
  readonly tokens: Tokens
  /** Incremented by every write and invalidation. An answer the store gave before must not enter memory afterwards. */
  mutations: number
  closed: boolean
}

/** The memory tier: decoded entries by id, bounded by count or by weight. */
interface Memory {
  readonly entries: EntriesById
  /** Makes further policies, for parts of the entries. */
  readonly eviction: Eviction
  policy: Policy
  /** Wraps the policy, if the layer asks for a curve. */
  readonly curve: MeasuredPolicy | undefined
  readonly deadlines: Deadlines.Deadlines
  /** Tags of the ids on which entries and running loads depend. */
  readonly dependents: DependentTags
  /** 0 without a memory tier. */
  capacity: number
  /** The number of capacity changes so far. A later change replaces one in progress. */
  resizes: number
  weight: number
  /** Weighs a new entry, which is not kept if the weight is `undefined` or above the capacity. */
  weigh: ((entry: Entry) => number | undefined) | undefined
  /** Removed entries by cause, and the total weight of the evicted ones. */
  readonly removals: Record<RemovalCause, number>
  evictedWeight: number
  /** Called for every entry that leaves memory, before the listeners. */
  readonly onGone: (entry: Entry) => void
  /** `undefined`: expired entries leave when their room is needed. */
  readonly sweeper: Sweeper | undefined
  /** Whether the sweeper rests and must be woken by the next operation. */
  rests: boolean
  onRemoval: ReadonlyArray<RemovalListener> | undefined
  /** Pending notifications of removals during `together`, otherwise `undefined`. */
  untold: Array<() => void> | undefined
}

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
  readonly weigher: Weigher | undefined
}

interface Around {
  /** A function, because the engine is still under construction. */
  readonly telemetry: () => Telemetry
  /** Returns 32 bits of the cache's own random generator. */
  readonly seed: () => number
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

/** The entry of an id, unless one of its tags was hard-invalidated. The strategy decides whether it is fresh. */
export const peek = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
  if (self.rests) self.sweeper!.wake()
  const entry = self.entries.get(id)
  return entry === undefined || entry.checkedAt === tags.epoch ? entry : check(self, tags, id)
}

const check = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
  // The poll that this may start can remove the entry.
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

export const touch = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) === entry) self.policy.read(entry)
}

/** An entry heavier than the capacity, or without a weight, is not kept, nor is the one it replaces. */
export const put = (self: Memory, entry: Entry, now: number): void => {
  if (self.capacity === 0) return
  // A quota makes room while it weighs. A listener of that may invalidate the id, and must find the new entry.
  const stays = together(self, () => {
    if (self.weigh !== undefined) {
      const weight = self.weigh(entry)
      if (weight === undefined || weight > Math.min(self.capacity, Number.MAX_SAFE_INTEGER)) {
        return void remove(self, entry.id, "replaced")
      }
      entry.weight = weight
    }
    return place(self, entry, now)
  })
  if (stays === undefined) return
  makeRoom(self, { newest: entry, stays }, now, Infinity)
  self.sweeper?.noteEntry()
}

/** The entry being added. `stays`: it replaces another and is not evicted while others can be. */
interface Coming {
  readonly newest: Entry
  readonly stays: boolean
}

/** Removes entries until all fit, at most `most`. The newest leaves if the policy names no other. */
const makeRoom = (self: Memory, coming: Coming | undefined, now: number, most: number): void => {
  for (let left = most; left > 0 && isOver(self); left--) {
    const expired = Deadlines.firstExpired(self.deadlines, now)
    if (expired !== undefined) drop(self, expired, "expired")
    else {
      const victim = victimOf(self, coming)
      // A user's policy has emptied memory in the meantime.
      if (victim === undefined) return
      self.evictedWeight += weightOf(victim)
      drop(self, victim, "evicted")
    }
  }
}

/** Removes at most `most` entries. The capacity becomes the remaining weight. */
export const shrink = (self: Memory, capacity: number, now: number, most: number): void => {
  self.capacity = capacity
  makeRoom(self, undefined, now, most)
  self.capacity = Math.max(capacity, self.weight)
}

const isOver = (self: Memory): boolean => self.weight > self.capacity && self.entries.size > 0

/** Changes the deadlines of an entry by hand, in memory or not. They are then no constant of a strategy. */
export const setDeadlines = (self: Memory, entry: Entry, expiresAt: number): void => {
  entry.live(undefined, entry.softExpiresAt === -Infinity ? -Infinity : expiresAt, expiresAt)
  reorder(self, entry)
}

export const reorder = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) === entry) Deadlines.changed(self.deadlines, entry)
}

/** The entry to evict. Always one in memory, so that each eviction makes room. */
const victimOf = ({ entries, policy }: Memory, coming: Coming | undefined): Entry | undefined => {
  const newest = coming?.newest
  let victim = policy.victim()
  if (victim === newest && coming?.stays) {
    policy.read(newest!)
    victim = policy.victim()
    // Reads do not change the order of this policy.
    if (victim === newest) { for (victim of entries.values()) if (victim !== newest) break }
  }
  // The nodes of a policy are entries. A removal listener may have removed the newest one as well.
  return victim as Entry | undefined ?? (newest && entries.get(newest.id)) ?? entries.values().next().value
}

const place = (self: Memory, entry: Entry, now: number): boolean => {
  const { entries, policy } = self
  const old = entries.get(entry.id)
  entries.set(entry.id, entry)
  if (entry.tags.length > 0) Dependents.enter(self.dependents, entry)
  self.weight += weightOf(entry) - (old === undefined ? 0 : weightOf(old))
  if (old !== undefined) Deadlines.remove(self.deadlines, old)
  Deadlines.add(self.deadlines, entry)
  if (old === undefined) {
    policy.added(entry)
    return false
  }
  Dependents.leave(self.dependents, old)
  policy.replaced!(old, entry)
  left(self, old, old.expiresAt <= now ? "expired" : "replaced")
  return true
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

export const expire = (self: Memory, entry: Entry): void => drop(self, entry, "expired")

/** Notifies no listener. The entries stay linked, and a reference to one keeps all: flights drop theirs first. */
export const empty = (self: Memory, cause: RemovalCause): ReadonlyMap<string, Entry | undefined> => {
  const { dependents, deadlines, entries, policy } = self
  self.removals[cause] += entries.size
  self.weight = 0
  const left = Entries.empty(entries)
  Deadlines.removeAll(deadlines)
  Dependents.leaveAll(dependents)
  if (policy.cleared !== undefined) policy.cleared()
  // A user's policy.
  else for (const entry of left.values()) if (entry !== undefined) policy.removed(entry)
  return left
}

/** Runs steps that remove several entries, and notifies listeners after the last one, which may read. */
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

export const gone = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  if (self.untold !== undefined) return void self.untold.push(() => gone(self, entry, cause))
  // Exceptions of a listener are caught: see `isolated` in telemetry/events.ts.
  self.onRemoval?.forEach((listener) => listener(entry, cause))
}
