/** The memory tier: its entries, and the steps that look up, add, evict and remove them. */
import * as Entries from "#platform/engine/memory/entries"
import type { Clock } from "effect/Clock"
import type { RemovalCause } from "../../../CacheEvent.ts"
import type { Eviction, Policy } from "../../../ports/eviction.ts"
import type { Weigher } from "../../../ports/weigher.ts"
import { weightOf } from "../../eviction/nodes.ts"
import type { Counters } from "../../store/counters.ts"
import type { WallTime } from "../../time/wallTime.ts"
import type { Tokens } from "../../token.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"
import type { MakeCurve, MeasuredPolicy } from "./curve.ts"
import * as Deadlines from "./deadlines.ts"
import type { Entries as EntriesById } from "./entries.ts"
import type { Entry } from "./entry.ts"
import { makePolicy } from "./evictionPolicy.ts"
import * as TagEpochs from "./tagEpochs.ts"
import { weighWith } from "./weigh.ts"

export interface Sweeper {
  readonly noteEntry: () => void
  readonly wake: () => void
  readonly stop: () => void
  /** Tells which entries have expired. `undefined` before the first read, `null` if no single clock can tell. */
  readonly clock: () => Clock | null | undefined
}

export interface MemoryTier extends Telemetry {
  readonly memory: Memory
  readonly tagEpochs: TagEpochs.TagEpochs
  /** The counters that `increment` changes in a cache without a store. */
  readonly counters: Counters
  /** Generates write ids and lease owners, and seeds random generators. */
  readonly tokens: Tokens
  /** Incremented by every write and invalidation. The answer to an earlier store request must not enter memory. */
  mutations: number
  closed: boolean
}

interface Memory {
  readonly entries: EntriesById
  /** The kind of eviction policy, from which quotas make further policies for single key classes. */
  readonly eviction: Eviction
  policy: Policy
  /** Measures the policy for the miss-ratio curve, if the layer has the option `curve`. */
  readonly curve: MeasuredPolicy | undefined
  readonly deadlines: Deadlines.Deadlines
  /** Entries that have expired for readers with a shorter constant lifetime only. They go first if room is needed. */
  readonly kept: Set<Entry>
  /** The maximum total weight of the entries, or 0 without a memory tier. */
  capacity: number
  /** The number of capacity changes so far. A new change stops an older one that is still evicting. */
  resizes: number
  weight: number
  /** Weighs a new entry. Memory does not keep an entry whose weight is `undefined` or exceeds the capacity. */
  weigh: ((entry: Entry) => number | undefined) | undefined
  /** The number of removed entries by cause, and the total weight of the evicted entries. */
  readonly removals: Record<RemovalCause, number>
  evictedWeight: number
  /** Called before the removal listeners, for every entry that leaves memory. */
  readonly onGone: (entry: Entry, cause: RemovalCause) => void
  /** If `undefined`, an expired entry stays until memory needs its space. */
  readonly sweeper: Sweeper | undefined
  /** Whether the sweeper rests and must be woken by the next operation. */
  rests: boolean
  onRemoval: ReadonlyArray<RemovalListener> | undefined
  /** Notifications of removals, delayed until `together` ends. `undefined` outside `together`. */
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
  /** A function, because the engine is still being built when its memory is made. */
  readonly telemetry: () => Telemetry
  readonly time: WallTime
  readonly seed: () => number
  readonly onGone: (entry: Entry, cause: RemovalCause) => void
  readonly sweeper: Sweeper | undefined
  readonly makeCurve: MakeCurve | undefined
}

export const make = (
  { capacity, eviction, weigher }: MemoryOptions,
  { makeCurve, onGone, seed, sweeper, telemetry, time }: Around
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
    deadlines: Deadlines.make(time),
    kept: new Set(),
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

/** The entry of an id, unless one of its tags was hard-invalidated. The strategy decides whether the entry is fresh. */
export const peek = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
  if (self.rests) self.sweeper!.wake()
  const entry = self.entries.get(id)
  return entry === undefined || entry.checkedAt === tags.epoch ? entry : check(self, tags, id)
}

/** Whether memory has an entry newer than the given one, because the store has failed to accept the newer entry. */
export const hasNewer = (
  self: Memory,
  tags: TagEpochs.TagEpochs,
  { createdAt, id, writeId }: Entry,
  now: number
): boolean => {
  const entry = peek(self, tags, id)
  if (entry === undefined || entry.writeId === writeId || entry.createdAt < createdAt) return false
  const { expiresAt, memoryExpiresAt = Infinity } = entry
  return now < expiresAt && (now < memoryExpiresAt || memoryExpiresAt === -Infinity)
}

const check = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
  // `ensureTracking` may apply changes by other processes, and so remove the entry.
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

/** Adds an entry. If its weight is invalid or above the capacity, only removes the entry that it would replace. */
export const put = (self: Memory, entry: Entry, now: number): void => {
  if (self.capacity === 0) return
  // Weighing may evict entries for a quota. Removal listeners run after `place`, because they may invalidate this id.
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

/** The entry being added. If it has replaced an older entry, `stays` is set, and the new entry is evicted last. */
interface Coming {
  readonly newest: Entry
  readonly stays: boolean
}

/** Removes at most `most` entries, until the rest fits. If the policy names no victim, evicts the newest entry. */
const makeRoom = (self: Memory, coming: Coming | undefined, now: number, most: number): void => {
  for (let left = most; left > 0 && isOver(self); left--) {
    const expired = Deadlines.firstExpired(self.deadlines, now) ??
      (self.kept.size === 0 ? undefined : self.kept.values().next().value)
    if (expired !== undefined) drop(self, expired, "expired")
    else {
      const victim = victimOf(self, coming)
      // A user's eviction policy or removal listener has emptied memory in the meantime.
      if (victim === undefined) return
      self.evictedWeight += weightOf(victim)
      drop(self, victim, "evicted")
    }
  }
}

/** Lowers the capacity and evicts at most `most` entries. If too many stay, the capacity becomes their total weight. */
export const shrink = (self: Memory, capacity: number, now: number, most: number): void => {
  self.capacity = capacity
  makeRoom(self, undefined, now, most)
  self.capacity = Math.max(capacity, self.weight)
}

const isOver = (self: Memory): boolean => self.weight > self.capacity && self.entries.size > 0

/** Sets both deadlines of an entry, which need not be in memory. The entry then has no constant lifetime. */
export const setDeadlines = (self: Memory, entry: Entry, expiresAt: number): void => {
  entry.live(undefined, entry.softExpiresAt === -Infinity ? -Infinity : expiresAt, expiresAt)
  reorder(self, entry)
}

export const reorder = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) !== entry) return
  self.kept.delete(entry)
  Deadlines.changed(self.deadlines, entry)
}

/** The entry to evict. It is always an entry in memory, so that each eviction makes room. */
const victimOf = ({ entries, policy }: Memory, coming: Coming | undefined): Entry | undefined => {
  const newest = coming?.newest
  let victim = policy.victim()
  if (victim === newest && coming?.stays) {
    policy.read(newest!)
    victim = policy.victim()
    // A policy that ignores reads, such as FIFO, may name the newest entry again. If so, any other entry is evicted.
    if (victim === newest) { for (victim of entries.values()) if (victim !== newest) break }
  }
  // The cast is safe, because every node of this policy is an entry. A listener may have removed the newest entry.
  return victim as Entry | undefined ?? (newest && entries.get(newest.id)) ?? entries.values().next().value
}

const place = (self: Memory, entry: Entry, now: number): boolean => {
  const { entries, policy } = self
  const old = entries.get(entry.id)
  entries.set(entry.id, entry)
  self.weight += weightOf(entry) - (old === undefined ? 0 : weightOf(old))
  if (old !== undefined) unfile(self, old)
  Deadlines.add(self.deadlines, entry)
  if (old === undefined) {
    policy.added(entry)
    return false
  }
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
  unfile(self, entry)
  self.policy.removed(entry)
  left(self, entry, cause)
}

const left = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  self.removals[cause]++
  self.onGone(entry, cause)
  if (self.onRemoval !== undefined) gone(self, entry, cause)
}

/** How many entries have been removed since memory was made. */
export const removed = ({ removals }: Memory): number => Object.values(removals).reduce((sum, count) => sum + count)

/** Removes an entry that has expired. With the time, keeps one that a reader with a longer lifetime may still use. */
export const expire = (self: Memory, entry: Entry, now = Infinity): void => {
  if (!(entry.memoryUntil > now)) return drop(self, entry, "expired")
  Deadlines.remove(self.deadlines, entry)
  Deadlines.add(self.deadlines, entry, entry.memoryUntil)
  self.kept.add(entry)
}

const unfile = (self: Memory, entry: Entry): void => {
  Deadlines.remove(self.deadlines, entry)
  self.kept.delete(entry)
}

/** Removes all entries without notifying listeners. The entries stay linked, so a reference to one retains all. */
export const empty = (self: Memory, cause: RemovalCause): ReadonlyMap<string, Entry | undefined> => {
  const { deadlines, entries, policy } = self
  self.removals[cause] += entries.size
  self.weight = 0
  const left = Entries.empty(entries)
  Deadlines.removeAll(deadlines)
  self.kept.clear()
  if (policy.cleared !== undefined) policy.cleared()
  // A user's policy without `cleared` is notified of each removed entry.
  else for (const entry of left.values()) if (entry !== undefined) policy.removed(entry)
  return left
}

/** Runs steps that may remove several entries, then notifies the listeners, which may read the cache. */
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
  // A listener's exceptions are caught (`isolated` in `telemetry/events.ts`).
  self.onRemoval?.forEach((listener) => listener(entry, cause))
}
