/** The memory tier. */
import * as Cause from "effect/Cause"
import type { RemovalCause } from "../../../CacheEvent.ts"
import type { Eviction, Policy } from "../../../Eviction.ts"
import type { Counters } from "../../store/counters.ts"
import type { Tokens } from "../../token.ts"
import * as Log from "../telemetry/log.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"
import * as Deadlines from "./deadlines.ts"
import type { Entry } from "./entry.ts"
import { makePolicy } from "./evictionPolicy.ts"
import * as TagEpochs from "./tagEpochs.ts"

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

/** The memory tier: decoded entries by id, at most `capacity` of them. */
interface Memory {
  readonly entries: Map<string, Entry>
  readonly policy: Policy
  readonly deadlines: Deadlines.Deadlines
  /** 0 where there is no memory tier */
  readonly capacity: number
  evictions: number
  /** called for every entry that leaves memory, before the listeners */
  readonly onGone: (entry: Entry) => void
  /** called for every entry that leaves memory */
  onRemoval: ReadonlyArray<RemovalListener> | undefined
  /** who has left in the steps of `together`, and why; `undefined` outside of them */
  untold: Array<readonly [entry: Entry, cause: RemovalCause]> | undefined
}

export type RemovalListener = (entry: Entry, cause: RemovalCause) => void

interface MemoryOptions {
  readonly capacity: number
  readonly eviction: Eviction
}

interface Around {
  /** a function, because the engine is still being made */
  readonly telemetry: () => Telemetry
  /** called for every entry that leaves memory, before the listeners */
  readonly onGone: (entry: Entry) => void
}

export const make = ({ capacity, eviction }: MemoryOptions, { onGone, telemetry }: Around): Memory => {
  const entries = new Map<string, Entry>()
  const policy = makePolicy({ capacity, eviction }, {
    isInMemory: (node) => entries.get(node.id) === node,
    report: (method, defect) => {
      const self = telemetry()
      self.stats.callbackFailures++
      Log.warnOnce(
        self,
        "eviction",
        `"${method}" of the eviction policy "${eviction.name}" failed (see the cause; logged once): memory stays within ` +
          "its capacity, and the newest entry leaves where the policy does not name another",
        { cause: Cause.die(defect) }
      )
    }
  })
  return {
    entries,
    policy,
    deadlines: Deadlines.make(),
    capacity,
    evictions: 0,
    onGone,
    onRemoval: undefined,
    untold: undefined
  }
}

/** The entry of an id, unless one of its tags was invalidated hard. The strategy decides whether it is fresh. */
export const peek = (self: Memory, tags: TagEpochs.TagEpochs, id: string): Entry | undefined => {
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

/** Puts an entry in memory. Where there is no room, what has expired leaves before anything that may still be served. */
export const put = (self: Memory, entry: Entry, now: number): void => {
  if (self.capacity === 0) return
  place(self, entry, now)
  while (self.entries.size > self.capacity) {
    const expired = Deadlines.firstExpired(self.deadlines, now)
    if (expired !== undefined) {
      drop(self, expired, "expired")
      continue
    }
    drop(self, victimOf(self, entry), "evicted")
    self.evictions++
  }
}

/** Gives an entry other deadlines by hand: they are no constant of a strategy. It may be in memory or not. */
export const setDeadlines = (self: Memory, entry: Entry, expiresAt: number): void => {
  entry.expiresAt = expiresAt
  entry.constant = undefined
  if (entry.softExpiresAt !== -Infinity) entry.softExpiresAt = expiresAt
  reorder(self, entry)
}

/** After the deadline of an entry was moved nearer. It may be in memory or not. */
export const reorder = (self: Memory, entry: Entry): void => {
  if (self.entries.get(entry.id) === entry) Deadlines.changed(self.deadlines, entry)
}

/** The entry to evict. It is in memory, so that each eviction makes room. */
const victimOf = (self: Memory, newest: Entry): Entry =>
  // the nodes of a policy are entries; a listener that was told of a removal may have removed the newest one too
  self.policy.victim() as Entry | undefined ?? self.entries.get(newest.id) ?? self.entries.values().next().value!

const place = (self: Memory, entry: Entry, now: number): void => {
  const { entries, policy } = self
  const old = entries.get(entry.id)
  entries.set(entry.id, entry)
  if (old !== undefined) Deadlines.remove(self.deadlines, old)
  Deadlines.add(self.deadlines, entry)
  if (old === undefined) return policy.added(entry)
  if (policy.replaced !== undefined) policy.replaced(old, entry)
  else {
    policy.removed(old)
    policy.added(entry)
  }
  self.onGone(old)
  if (self.onRemoval !== undefined) gone(self, old, old.expiresAt <= now ? "expired" : "replaced")
}

export const remove = (self: Memory, id: string, cause: RemovalCause): boolean => {
  const entry = self.entries.get(id)
  if (entry === undefined) return false
  drop(self, entry, cause)
  return true
}

const drop = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  self.entries.delete(entry.id)
  Deadlines.remove(self.deadlines, entry)
  self.policy.removed(entry)
  self.onGone(entry)
  if (self.onRemoval !== undefined) gone(self, entry, cause)
}

export const clear = (self: Memory, cause: RemovalCause): void => {
  const entries = Array.from(self.entries.values())
  self.entries.clear()
  for (const entry of entries) {
    Deadlines.remove(self.deadlines, entry)
    self.policy.removed(entry)
    self.onGone(entry)
  }
  if (self.onRemoval === undefined) return
  for (const entry of entries) gone(self, entry, cause)
}

/**
 * Runs steps that remove several entries. The listeners are told after the last: one that reads must not find what a
 * later step removes.
 */
export const together = (self: Memory, steps: () => void): void => {
  if (self.untold !== undefined) return steps()
  const untold: NonNullable<Memory["untold"]> = self.untold = []
  try {
    steps()
  } finally {
    self.untold = undefined
    for (const [entry, cause] of untold) gone(self, entry, cause)
  }
}

const gone = (self: Memory, entry: Entry, cause: RemovalCause): void => {
  if (self.untold !== undefined) return void self.untold.push([entry, cause])
  // a listener that throws is isolated: see `isolated` in telemetry/events.ts
  for (const listener of self.onRemoval ?? []) listener(entry, cause)
}
