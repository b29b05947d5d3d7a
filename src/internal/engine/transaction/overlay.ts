/**
 * One level of a transaction: its writes, and a private engine in which it reads and loads. Nested levels are
 * savepoints. The checks are shared by all levels, because one that was rolled back has influenced the others.
 */
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { CacheConfigError } from "../../../CacheError.ts"
import * as Eviction from "../../../Eviction.ts"
import type { TransactCheck, TransactStep } from "../../../ports/store.ts"
import * as Defaults from "../../defaults/options.ts"
import type { Key } from "../../key/ofKey.ts"
import type { Acquire } from "../../lock/fromBackend.ts"
import { groupOf, groupTag, idOfTag, isInherited } from "../../store/markers/idTags.ts"
import { type Cache, over } from "../boundCache.ts"
import * as Engine from "../engine.ts"
import type * as Watches from "../flight/watches.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { emit } from "../telemetry/events.ts"
import type { EventListener } from "../telemetry/telemetry.ts"
import { loadsOf, type ReadChecks } from "./loads.ts"

export type Isolation = "fast" | "locked" | "serializable"

/** The ttl of a write counts from the commit. `until` keeps the expiry of the replaced entry. */
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
  /** Conditions of conditional sets, where ids are not checked. */
  readonly conditions: Array<TransactCheck>
  /** By id: the write found of an entry that this transaction invalidates without writing the id. */
  readonly ended: Map<string, string>
  readonly names: Map<string, TransactCheck>
  /** The position of the store at the first listing. */
  position: string | undefined
  /** By prefix: the entries listed from a cache without a store. */
  readonly listed: Map<string, ReadonlyArray<Entry>>
}

export interface Root {
  readonly outer: Cache
  readonly base: Engine.Engine
  readonly isolation: Isolation
  /** Cached effects bypass the cache: they see the rows of an open SQL transaction. */
  readonly bypasses: boolean
  readonly checks: Checks
  readonly acquire: Acquire
  readonly scope: Scope.Closeable
  /** Names that are locked or being acquired. */
  readonly locked: Map<string, "held" | Latch.Latch>
  /** How long to wait for a lock. Longer than the transaction may take. */
  readonly lockMillis: number
  /** Records changes of the base, for loads without a store. */
  readonly watch: Watches.Watch
  /** The table for the invalidations of an SQL transaction. A savepoint may also request one. */
  outbox: string | undefined
  isOpen: boolean
}

export interface Overlay {
  readonly root: Root
  readonly parent: Overlay | undefined
  /** The engine for reads and loads of this level. Its memory holds everything seen, written and loaded. */
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

/** An engine in memory that keeps everything, and reports counts and events to the base. */
const insideOf = (root: Root): Pick<Overlay, "own" | "inside" | "readChecks"> => {
  const { base } = root
  const readChecks: ReadChecks = new Map()
  const options: Engine.EngineOptions = {
    ...Defaults.layer,
    capacity: Infinity,
    eviction: Eviction.fifo,
    store: undefined,
    inherit: base.inherit,
    readDefaults: base.readDefaults,
    strategy: base.strategy,
    // Serve values that are due: nothing refreshes them here.
    refresh: { ...Defaults.refresh, concurrency: 0, retry: undefined }
  }
  const own: Engine.Engine = Object.assign(Engine.make(options, base.context, undefined, undefined), {
    throughStore: loadsOf(base, readChecks),
    stats: base.stats,
    classes: base.classes,
    keyClasses: base.keyClasses,
    warned: base.warned,
    tokens: base.tokens,
    transactions: base.transactions,
    hitsHaveEffects: true,
    listeners: { events: [telling(base)] }
  })
  // A write lives from the commit on, so nothing expires before it.
  own.memory.sweeper?.stop()
  return { own, inside: over(own), readChecks }
}

/** Reports reads at once and drops writes, which are reported at the commit. */
const telling = (base: Engine.Engine): EventListener => (event, exit) => {
  if (event._tag !== "Set" && event._tag !== "Invalidate" && event._tag !== "Refresh") emit(base, event, exit)
}

/** Throws after the end of the transaction, when a write would be lost. */
export const requireOpen = ({ isOpen, root }: Overlay): void => {
  if (isOpen && root.isOpen) return
  throw new CacheConfigError({
    message:
      "A transaction was used after its end: a fiber that outlives it needs the cache from outside. Fork it around " +
      "Transaction.run, or wait for it inside"
  })
}

export const nextOrder = (self: Overlay): number => ++self.order

/** Copies an entry into the memory of this level with the age it had before any invalidation here. */
export const see = (self: Overlay, entry: Entry, now: number): void =>
  Memory.put(self.own.memory, copyOf(entry, { bornAt: 0 }), now)

interface Changes {
  readonly bornAt: number
  readonly createdAt?: number
  readonly expiresAt?: number
  readonly softExpiresAt?: number
  readonly writeId?: string | undefined
}

export const copyOf = (entry: Entry, changes: Changes): Entry =>
  new Entry({
    id: entry.id,
    exit: entry.exit,
    createdAt: entry.createdAt,
    softExpiresAt: entry.softExpiresAt,
    expiresAt: entry.expiresAt,
    loadMillis: entry.loadMillis,
    tags: entry.tags,
    writeId: entry.writeId,
    etag: entry.etag,
    constant: entry.constant,
    endsWithParts: entry.endsWithParts,
    counters: entry.counters,
    ...changes
  })

export const endOf = (life: Life, now: number): number => "until" in life ? life.until : now + life.ttlMillis

/** The result of a load at this level, unless it has been replaced. */
export const loadedHere = (self: Overlay, id: string): Entry | undefined => {
  const loaded = self.readChecks.get(id)?.flight.entry
  return loaded !== undefined && Memory.peek(self.own.memory, self.own.tagEpochs, id) === loaded ? loaded : undefined
}

export const isSwept = ({ sweeps }: Overlay, tags: ReadonlyArray<string>): boolean =>
  sweeps.some((sweep) => sweep._tag === "Tags" && sweep.mode === "hard" && tags.some((tag) => sweep.tags.includes(tag)))

/** Whether this level has invalidated an entry of a lower level, through a tag or through a dependency. */
export const isEnded = (self: Overlay, { tags }: Entry): boolean =>
  isSwept(self, tags) || self.writes.size > 0 && tags.some((tag) => isInherited(tag) && hasWritten(self, tag))

const hasWritten = ({ writes }: Overlay, tag: string): boolean => {
  const one = idOfTag(tag)
  const ids = one === undefined ? Array.from(writes.keys()).filter((id) => groupTag(groupOf(id)) === tag) : [one]
  return ids.some((id) => (writes.get(id) ?? touch)._tag !== "Touch")
}

export const touch = { _tag: "Touch" }

/** Restarts the ttl of a written entry: until the commit it has all of it left, at every level that sees it. */
export const rebase = (self: Overlay, id: string, now: number): void => {
  const entry = self.own.memory.entries.get(id)
  const write = entry && writeSeen(self, id)
  if (write === undefined || write._tag === "Remove") return
  Memory.setDeadlines(self.own.memory, entry!, write._tag === "Set" ? endOf(write.life, now) : now + write.ttlMillis)
}

/** The last write of an id at this or an outer level. `undefined` if the id was loaded or is unchanged. */
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
