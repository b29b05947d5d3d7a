/** Which copies a middle tier may serve, according to what the last tier reports. */
import type * as Clock from "effect/Clock"
import { changesKept, middleTiers } from "../internal/defaults/stores.ts"
import { remember } from "../internal/remember.ts"
import { tagsOfId } from "../internal/store/markers/idTags.ts"
import { reported } from "../internal/store/patterns.ts"
import { monotonicMillis } from "../internal/time/monotonic.ts"
import type { Change, Store } from "../ports/store.ts"

/** The version of a tag in the last tier, and when it was asked for. */
interface Known {
  readonly version: string
  readonly at: number
}

export interface Trust {
  readonly clock: Clock.Clock
  /** The latest time of the wall clock, which may be set back. */
  latest: number
  /** How the changes by other processes become known: there are none, by asking, by listening, or not at all. */
  readonly how: "alone" | "asking" | "listening" | "never"
  readonly ask: (() => ReadonlyArray<Change>) | undefined
  /** The changes that the cache has not asked for yet. */
  unread: ReadonlyArray<Change>
  readonly onChange: (change: Change) => void
  /** The number of listeners that miss nothing; of one that asks, 0 or 1. */
  coherent: number
  /** Changes before this time may have been missed, so only what was read later is trusted. */
  since: number
  /** How far the wall clock was ahead of the monotonic one then. */
  ahead: number
  isPartial: boolean
  readonly versions: Map<string, Known>
  /** The number of changes so far, and which of them was the last one of a tag. */
  step: number
  readonly changedAt: Map<string, number>
  /** The last change of which it is not known what has changed. */
  floor: number
}

export const make = (
  last: Store,
  clock: Clock.Clock,
  onChange: (change: Change) => void
): Trust => {
  const { capabilities: { changes, shared }, changesUnsafe } = last
  const how = changesUnsafe !== undefined ? "asking" : changes ? "listening" : shared ? "never" : "alone"
  return {
    clock,
    latest: -Infinity,
    how,
    ask: changesUnsafe,
    unread: none,
    onChange,
    coherent: how === "alone" ? 1 : 0,
    // Alone, nothing in the same millisecond can have been missed.
    since: clock.currentTimeMillisUnsafe() - (how === "alone" ? 1 : 0),
    ahead: aheadOf(clock),
    isPartial: false,
    versions: new Map(),
    step: 0,
    changedAt: new Map(),
    floor: 0
  }
}

/** Whether all changes by other processes are known so far. */
export const isTracked = (self: Trust): boolean => {
  if (self.ask !== undefined) {
    try {
      poll(self, self.ask)
    } catch {
      // A later answer has the changes that this one lacks.
      self.coherent = 0
    }
  }
  return self.coherent > 0
}

const poll = (self: Trust, ask: () => ReadonlyArray<Change>): void => {
  const changes = ask()
  for (const change of changes) apply(self, change)
  self.coherent = self.isPartial ? 0 : 1
  if (changes.length === 0) return
  const unread = self.unread.concat(changes)
  self.unread = unread.length > changesKept ? [{ _tag: "Gap" }] : unread
}

/** The changes for the cache, which are applied here first. */
export const read = (self: Trust, ask: () => ReadonlyArray<Change>): ReadonlyArray<Change> => {
  try {
    poll(self, ask)
  } catch (thrown) {
    self.coherent = 0
    if (self.unread.length === 0) throw thrown
  }
  const { unread } = self
  self.unread = none
  return unread
}

const none: ReadonlyArray<Change> = []

/** Applies what the last tier reports, before the cache learns of it. */
export const apply = (self: Trust, change: Change): void => {
  switch (change._tag) {
    case "Changed":
      if (change.endsMarkers === true) forgetTags(self, tagsOfId(change.id))
      break
    case "TagChanged":
      forgetTags(self, [change.tag])
      break
    case "ManyChanged":
    case "AllChanged":
    case "Gap":
      doubt(self)
      break
    case "Partial":
      self.isPartial = true
      break
    case "Coherent":
      if (self.isPartial) doubt(self)
      self.isPartial = false
      break
  }
  self.onChange(change)
}

/** The latest time seen. If the clock is set back, copies are not trusted until it has reached that time again. */
const latestOf = (self: Trust): number => self.latest = Math.max(self.latest, self.clock.currentTimeMillisUnsafe())

const aheadOf = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe() - monotonicMillis(clock)

/** The time of `since` as the clock shows it now: a machine that starts may learn the time only later. */
const sinceOf = ({ ahead, clock, since }: Trust): number => since + Math.max(0, aheadOf(clock) - ahead)

/** From now on, nothing that was read before is trusted. */
export const doubt = (self: Trust): void => {
  self.since = latestOf(self)
  self.ahead = aheadOf(self.clock)
  forgetAll(self)
}

export const forgetAll = (self: Trust): void => {
  self.floor = ++self.step
  self.changedAt.clear()
  self.versions.clear()
}

export const forgetTags = (self: Trust, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) {
    // An invalidation by pattern ends the ids that the last tier lists, but copies of others may match it too.
    if (reported(tag) !== undefined) doubt(self)
    self.versions.delete(tag)
    noteChange(self, tag)
  }
}

const noteChange = (self: Trust, tag: string): void => {
  self.changedAt.set(tag, ++self.step)
  if (self.changedAt.size <= middleTiers.tagsKnown) return
  self.changedAt.clear()
  self.floor = self.step
}

/** A question to the last tier. What changes before the answer is not learned from it. */
interface Question {
  readonly at: number
  readonly step: number
}

export const question = (self: Trust): Question => {
  latestOf(self)
  return { at: self.clock.currentTimeMillisUnsafe(), step: self.step }
}

export const learn = (
  self: Trust,
  { at, step }: Question,
  tags: ReadonlyArray<string>,
  versions: ReadonlyArray<string | undefined>
): void => {
  const isCurrent = (tag: string): boolean => step >= self.floor && step >= (self.changedAt.get(tag) ?? 0)
  tags.forEach((tag, i) => {
    const version = versions[i]
    self.versions.delete(tag)
    if (version !== undefined && isCurrent(tag)) remember(self.versions, tag, { version, at }, middleTiers.tagsKnown)
  })
}

/** Whether what was read from the last tier at a time is still trusted. */
export const isTrusted = (self: Trust, at: number, maxStalenessMillis: number): boolean => {
  if (self.coherent > 0) return at > sinceOf(self)
  const age = self.clock.currentTimeMillisUnsafe() - at
  return age >= 0 && age < maxStalenessMillis
}

/** The version of a tag in the last tier, if it is known and trusted. */
export const versionOf = (self: Trust, tag: string, maxStalenessMillis: number): string | undefined => {
  const known = self.versions.get(tag)
  return known !== undefined && isTrusted(self, known.at, maxStalenessMillis) ? known.version : undefined
}
