/** Which copies a middle tier may serve, according to what the last tier reports. */
import { changesKept, middleTiers } from "../internal/defaults/stores.ts"
import { remember } from "../internal/remember.ts"
import { reported } from "../internal/store/patterns.ts"
import type { Change, Store } from "../ports/store.ts"

/** The version of a tag in the last tier, and when it was asked for. */
interface Known {
  readonly version: string
  readonly at: number
}

/** When the last tier was first asked for an id, if it had an entry, and when it had answered. */
interface Asked {
  readonly at: number | undefined
  readonly answeredAt: number
}

export interface Trust {
  readonly now: () => number
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
  isPartial: boolean
  readsOnly: boolean
  /** While only changes of ids that were asked for are reported: these ids. */
  readonly asked: Map<string, Asked>
  readonly versions: Map<string, Known>
  /** The number of changes so far, and which of them was the last one of a tag or an id. */
  step: number
  readonly changedAt: Map<string, number>
  /** The last change of which it is not known what has changed. */
  floor: number
}

export const make = (
  last: Store,
  now: () => number,
  onChange: (change: Change) => void
): Trust => {
  const { capabilities: { changes, shared }, changesUnsafe } = last
  const how = changesUnsafe !== undefined ? "asking" : changes ? "listening" : shared ? "never" : "alone"
  return {
    now,
    latest: -Infinity,
    how,
    ask: changesUnsafe,
    unread: none,
    onChange,
    coherent: how === "alone" ? 1 : 0,
    // Alone, nothing in the same millisecond can have been missed.
    since: how === "alone" ? now() - 1 : now(),
    isPartial: false,
    readsOnly: changes === "reads",
    asked: new Map(),
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
      forgetIds(self, [change.id])
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
    case "Reports":
      // The store remembers what is in memory, but not ids and tags that are only in a middle tier, or on their way.
      self.readsOnly = change.of !== "all"
      doubt(self)
      break
  }
  self.onChange(change)
}

/** The latest time seen. If the clock is set back, copies are not trusted until it has reached that time again. */
const latestOf = (self: Trust): number => self.latest = Math.max(self.latest, self.now())

/** From now on, nothing that was read before is trusted. */
export const doubt = (self: Trust): void => {
  self.since = latestOf(self)
  forgetAll(self)
}

export const forgetAll = (self: Trust): void => {
  self.floor = ++self.step
  self.changedAt.clear()
  self.asked.clear()
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

const forgetIds = (self: Trust, ids: ReadonlyArray<string>): void => {
  if (!self.readsOnly) return
  for (const id of ids) {
    self.asked.delete(id)
    noteChange(self, ofId(id))
  }
}

/** Keeps ids apart from tags. */
const ofId = (id: string): string => `\0${id}`

const noteChange = (self: Trust, what: string): void => {
  self.changedAt.set(what, ++self.step)
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
  return { at: self.now(), step: self.step }
}

export const learn = (
  self: Trust,
  { at, step }: Question,
  { entries = [], ids = [], tags = [], versions = [] }: {
    readonly ids?: ReadonlyArray<string>
    readonly entries?: ReadonlyArray<unknown>
    readonly tags?: ReadonlyArray<string>
    readonly versions?: ReadonlyArray<string | undefined>
  }
): void => {
  const isCurrent = (what: string): boolean => step >= self.floor && step >= (self.changedAt.get(what) ?? 0)
  tags.forEach((tag, i) => {
    const version = versions[i]
    self.versions.delete(tag)
    if (version !== undefined && isCurrent(tag)) remember(self.versions, tag, { version, at }, middleTiers.tagsKnown)
  })
  if (!self.readsOnly) return
  ids.forEach((id, i) => {
    if (!isCurrent(ofId(id))) return
    const asked = self.asked.get(id) ?? { at: entries[i] === undefined ? undefined : at, answeredAt: latestOf(self) }
    remember(self.asked, id, asked, middleTiers.idsAsked)
  })
}

/** Whether changes since a copy was read are reported. Those before this process has asked for the id are not. */
export const isFollowed = ({ asked, coherent, readsOnly }: Trust, id: string, readAt: number): boolean => {
  if (coherent === 0 || !readsOnly) return true
  const { answeredAt, at } = asked.get(id) ?? {}
  return readAt === at || readAt > (answeredAt ?? Infinity)
}

/** Whether what was read from the last tier at a time is still trusted. */
export const isTrusted = (self: Trust, at: number, maxStalenessMillis: number): boolean => {
  if (self.coherent > 0) return at > self.since
  const age = self.now() - at
  return age >= 0 && age < maxStalenessMillis
}

/** The version of a tag in the last tier, if it is known and trusted. */
export const versionOf = (self: Trust, tag: string, maxStalenessMillis: number): string | undefined => {
  const known = self.versions.get(tag)
  return known !== undefined && isTrusted(self, known.at, maxStalenessMillis) ? known.version : undefined
}
