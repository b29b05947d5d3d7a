/**
 * One level of a transaction: its writes, and a private engine for its reads and loads. Nested levels are savepoints.
 * All levels share the checks of the commit, because a level that was rolled back may have influenced the others.
 */
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { CacheConfigError } from "../../../CacheError.ts"
import type { CacheEvent } from "../../../CacheEvent.ts"
import type { TransactCheck, TransactStep } from "../../../ports/store.ts"
import * as Defaults from "../../defaults/options.ts"
import { policies } from "../../eviction/policies.ts"
import type { Key } from "../../key/ofKey.ts"
import type { Acquire } from "../../lock/fromBackend.ts"
import { type Cache, over } from "../boundCache.ts"
import * as Engine from "../engine.ts"
import type * as Watches from "../flight/watches.ts"
import { copyOf, type Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { emit } from "../telemetry/events.ts"
import type { Subject } from "../telemetry/telemetry.ts"
import { loadsOf, type ReadChecks } from "./loads.ts"

export type Isolation = "fast" | "locked" | "serializable"

/** The lifetime of a write. `ttlMillis` counts from the commit; `until` keeps the expiry of the replaced entry. */
export type Life = { readonly ttlMillis: number } | { readonly until: number }

export type Write =
  | { readonly _tag: "Set"; readonly key: Key; readonly entry: Entry; readonly life: Life; readonly order: number }
  | { readonly _tag: "Touch"; readonly ttlMillis: number; readonly order: number }
  | { readonly _tag: "Remove"; readonly order: number }

export type Sweep =
  | {
    readonly _tag: "Tags"
    readonly tags: ReadonlyArray<string>
    readonly mode: "hard" | "soft"
    readonly order: number
  }
  | { readonly _tag: "Clear"; readonly order: number }

export type Count =
  | { readonly _tag: "Increment"; readonly name: string; readonly by: number; readonly ttlMillis: number }
  | { readonly _tag: "TouchCounter"; readonly name: string; readonly ttlMillis: number }
  | { readonly _tag: "RemoveCounter"; readonly name: string }

export interface Checks {
  readonly ids: Map<string, TransactCheck>
  /** The conditions of conditional sets, for isolation levels that do not check ids. */
  readonly conditions: Array<TransactCheck>
  /** By id: the `writeId` of a lower level's entry that this transaction invalidated through a tag or dependency. */
  readonly ended: Map<string, string>
  readonly names: Map<string, TransactCheck>
  position: string | undefined
  /** By prefix: the listed entries of a cache without a store. */
  readonly listed: Map<string, ReadonlyArray<Entry>>
}

export interface Root {
  readonly outer: Cache
  readonly base: Engine.Engine
  readonly isolation: Isolation
  /** Whether cached effects bypass the cache. They do inside an open SQL transaction, whose rows may be rolled back. */
  readonly bypasses: boolean
  readonly checks: Checks
  readonly acquire: Acquire
  readonly scope: Scope.Closeable
  readonly locked: Map<string, "held" | Latch.Latch>
  /** How long to wait for a lock: longer than the transaction may take. */
  readonly lockMillis: number
  /** Notes changes to the base cache. Without a store, nothing else reports that a loaded id has changed. */
  readonly watch: Watches.Watch
  /** The table to which an SQL transaction writes its invalidations. May also be set by a savepoint. */
  outbox: string | undefined
  isOpen: boolean
}

export interface Overlay {
  readonly root: Root
  readonly parent: Overlay | undefined
  /** The engine for this level's reads and loads. Its memory holds everything that the level sees, writes and loads. */
  own: Engine.Engine
  inside: Cache
  readChecks: ReadChecks
  readonly writes: Map<string, Write>
  readonly sweeps: Array<Sweep>
  readonly counts: Map<string, Array<Count>>
  isCleared: boolean
  order: number
  isOpen: boolean
}

export const make = (root: Root, parent: Overlay | undefined): Overlay => {
  const overlay: Overlay = {
    root,
    parent,
    ...insideOf(root),
    writes: new Map(),
    sweeps: [],
    counts: new Map(),
    isCleared: false,
    order: 0,
    isOpen: true
  }
  return overlay
}

export const rollback = (self: Overlay): void => {
  Object.assign(self, insideOf(self.root))
  self.writes.clear()
  self.sweeps.length = 0
  self.counts.clear()
  self.isCleared = false
}

export const noChecks = (): Checks => ({
  ids: new Map(),
  conditions: [],
  ended: new Map(),
  names: new Map(),
  position: undefined,
  listed: new Map()
})

/** A memory-only engine that keeps every entry, and reports counts and events to the base cache. */
const insideOf = (root: Root): Pick<Overlay, "own" | "inside" | "readChecks"> => {
  const { base } = root
  const readChecks: ReadChecks = new Map()
  const options: Engine.EngineOptions = {
    ...Defaults.layer,
    capacity: Infinity,
    eviction: policies.fifo,
    store: undefined,
    inherit: base.inherit,
    readDefaults: base.readDefaults,
    strategy: base.strategy,
    // Values that are due for a refresh are served, but nothing refreshes them inside a transaction.
    refresh: { ...Defaults.refresh, concurrency: 0, retry: undefined }
  }
  const own: Engine.Engine = Object.assign(Engine.make(options, base.context, undefined, undefined), {
    throughStore: loadsOf(base, readChecks),
    stats: base.stats,
    classes: base.classes,
    keyClasses: base.keyClasses,
    warned: base.warned,
    meter: base.meter,
    disguise: base.disguise,
    countsInvalidations: false,
    tokens: base.tokens,
    time: base.time,
    transactions: base.transactions,
    hitsHaveEffects: true,
    listeners: { events: [telling(base)] }
  })
  own.tagEpochs.ids = TagEpochs.makeTable()
  // The lifetime of a write begins at the commit, so no entry may be removed as expired before then.
  own.memory.sweeper?.stop()
  return { own, inside: over(own), readChecks }
}

/** Passes on events of reads. Drops events of writes, which the commit emits. */
const telling = (base: Engine.Engine) => (event: CacheEvent, subject: Subject | undefined): void => {
  if (event._tag !== "Set" && event._tag !== "Invalidate" && event._tag !== "Refresh") emit(base, event, subject)
}

/** Throws if the transaction has ended, because a later write would be lost. */
export const requireOpen = ({ isOpen, root }: Overlay): void => {
  if (isOpen && root.isOpen) return
  throw new CacheConfigError({
    message:
      "A transaction was used after its end: a fiber that outlives it needs the cache from outside. Fork it around " +
      "Transaction.run, or wait for it inside"
  })
}

export const nextOrder = (self: Overlay): number => ++self.order

/**
 * Copies an entry into this level's memory. With epoch 0, it counts as older than all changes at this level. Returns
 * whether the level sees it: it may have invalidated a tag, or changed what the entry derives from.
 */
export const see = ({ own: { memory, tagEpochs } }: Overlay, entry: Entry, now: number): boolean => {
  Memory.put(memory, copyOf(entry, { bornAt: 0 }), now)
  return Memory.peek(memory, tagEpochs, entry.id) !== undefined
}

export const endOf = (life: Life, now: number): number => "until" in life ? life.until : now + life.ttlMillis

export const loadedHere = (self: Overlay, id: string): Entry | undefined => {
  const loaded = self.readChecks.get(id)?.flight.entry
  return loaded !== undefined && Memory.peek(self.own.memory, self.own.tagEpochs, id) === loaded ? loaded : undefined
}

export const isSwept = ({ sweeps }: Overlay, tags: ReadonlyArray<string>): boolean =>
  sweeps.some((sweep) => sweep._tag === "Tags" && sweep.mode === "hard" && tags.some((tag) => sweep.tags.includes(tag)))

export const touch = { _tag: "Touch" }

/** Restarts the ttl of a written entry: until the commit, it keeps its full ttl at every level that sees it. */
export const rebase = (self: Overlay, id: string, now: number): void => {
  const entry = self.own.memory.entries.get(id)
  const write = entry && writeSeen(self, id)
  if (write === undefined || write._tag === "Remove") return
  Memory.setDeadlines(self.own.memory, entry!, write._tag === "Set" ? endOf(write.life, now) : now + write.ttlMillis)
}

/** The write of an id that this level sees. `undefined` if there is none, or a nearer level loaded or cleared it. */
const writeSeen = (self: Overlay, id: string): Write | undefined => {
  for (let level: Overlay | undefined = self; level !== undefined; level = level.parent) {
    const write = level.writes.get(id)
    if (write !== undefined || level.isCleared || loadedHere(level, id) !== undefined) return write
  }
  return undefined
}

export const countStep = (count: Count, now: number): TransactStep => {
  if (count._tag === "RemoveCounter") return count
  const { ttlMillis, ...step } = count
  return { ...step, expiresAt: now + ttlMillis }
}

export const guarded = <A, E, R>(self: Overlay, run: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    requireOpen(self)
    return run()
  })
