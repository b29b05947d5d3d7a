/**
 * One level of a transaction: what it has written, and an engine of its own in which it reads and loads. Nested levels are
 * savepoints. What the program was told is remembered for all levels together: one that is rolled back has steered the
 * others.
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

/** The ttl of what is written counts from the commit; `until`: it has the end of what it replaces. */
export type Life = { readonly ttlMillis: number } | { readonly until: number }

/** What a transaction does to one id. */
export type Write =
  | { readonly _tag: "Set"; readonly key: Key; readonly entry: Entry; readonly life: Life; readonly order: number }
  | { readonly _tag: "Touch"; readonly ttlMillis: number; readonly order: number }
  | { readonly _tag: "Remove"; readonly order: number }

/** What it does to several ids at once. */
export type Sweep =
  | {
    readonly _tag: "Tags"
    readonly tags: ReadonlyArray<string>
    readonly mode: "hard" | "soft"
    readonly order: number
  }
  | { readonly _tag: "Clear"; readonly order: number }

/** What it does to a counter. */
export type Count =
  | { readonly _tag: "Increment"; readonly name: string; readonly by: number; readonly ttlMillis: number }
  | { readonly _tag: "TouchCounter"; readonly name: string; readonly ttlMillis: number }
  | { readonly _tag: "RemoveCounter"; readonly name: string }

/** What has to hold at the commit. */
export interface Checks {
  /** of each id, what was found when it was first looked for */
  readonly ids: Map<string, TransactCheck>
  /** of conditional sets, where ids are not checked */
  readonly conditions: Array<TransactCheck>
  /** of what this transaction itself ends, without a write of its id: the write that was found */
  readonly ended: Map<string, string>
  /** of each counter */
  readonly names: Map<string, TransactCheck>
  /** where the store was when it was first listed */
  position: string | undefined
  /** what was listed of a cache without a store: the entries of each prefix */
  readonly listed: Map<string, ReadonlyArray<Entry>>
}

/** What all levels of one try share. */
export interface Root {
  /** the cache in which the transaction began */
  readonly outer: Cache
  readonly base: Engine.Engine
  readonly isolation: Isolation
  /** cached effects run past the cache: they see the rows of an open SQL transaction */
  readonly bypasses: boolean
  readonly checks: Checks
  readonly acquire: Acquire
  /** holds the locks */
  readonly scope: Scope.Closeable
  /** names that are locked, or just being asked for */
  readonly locked: Map<string, "held" | Latch.Latch>
  /** how long a lock is waited for: longer than the transaction may take */
  readonly lockMillis: number
  /** since when changes of the base are noted, for loads where there is no store */
  readonly watch: Watches.Watch
  /** of an SQL transaction: the table that its invalidations stand in; a savepoint may ask for one too */
  outbox: string | undefined
  isOpen: boolean
}

/** One level of a transaction. */
export interface Overlay {
  readonly root: Root
  readonly parent: Overlay | undefined
  /** reads and loads of this level; its memory has what was seen, written and loaded */
  own: Engine.Engine
  /** the cache over `own` */
  inside: Cache
  /** loads whose results may be stored at the commit */
  readChecks: ReadChecks
  readonly writes: Map<string, Write>
  readonly sweeps: Array<Sweep>
  readonly counts: Map<string, Array<Count>>
  /** nothing below is seen any more */
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

/** Discards what this level has written. */
export const rollback = (self: Overlay): void => {
  Object.assign(self, insideOf(self.root))
  self.writes.clear()
  self.sweeps.length = 0
  self.counts.clear()
  self.isCleared = false
}

/** The checks of a try that has told the program nothing yet. */
export const noChecks = (): Checks => ({
  ids: new Map(),
  conditions: [],
  ended: new Map(),
  names: new Map(),
  position: undefined,
  listed: new Map()
})

/** An engine in memory that counts and reports for the base, and keeps all that it is given. */
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
    // what is due is served: nobody refreshes it here
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
  // what is written here has its whole life before it: nothing expires before the commit
  own.memory.sweeper?.stop()
  return { own, inside: over(own), readChecks }
}

/** How reads are answered is reported at once, what is written when it is committed. */
const telling = (base: Engine.Engine): EventListener => (event, exit) => {
  if (event._tag !== "Set" && event._tag !== "Invalidate" && event._tag !== "Refresh") emit(base, event, exit)
}

/** Dies where a transaction has ended: what is written now would be lost. */
export const requireOpen = ({ isOpen, root }: Overlay): void => {
  if (isOpen && root.isOpen) return
  throw new CacheConfigError({
    message:
      "A transaction was used after its end: a fiber that outlives it needs the cache from outside. Fork it around " +
      "Transaction.run, or wait for it inside"
  })
}

export const nextOrder = (self: Overlay): number => ++self.order

/** A copy of an entry in the memory of this level, as it was before anything was invalidated here. */
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
    counters: entry.counters,
    ...changes
  })

export const endOf = (life: Life, now: number): number => "until" in life ? life.until : now + life.ttlMillis

/** The result of a load of this level, as long as nothing has taken its place. */
export const loadedHere = (self: Overlay, id: string): Entry | undefined => {
  const loaded = self.readChecks.get(id)?.flight.entry
  return loaded !== undefined && Memory.peek(self.own.memory, self.own.tagEpochs, id) === loaded ? loaded : undefined
}

/** Whether this level has invalidated something that has these tags. */
export const isSwept = ({ sweeps }: Overlay, tags: ReadonlyArray<string>): boolean =>
  sweeps.some((sweep) => sweep._tag === "Tags" && sweep.mode === "hard" && tags.some((tag) => sweep.tags.includes(tag)))

/** Whether this level has ended an entry of below, which it did not write: by a tag of it, or by what it derives from. */
export const isEnded = (self: Overlay, { tags }: Entry): boolean =>
  isSwept(self, tags) || self.writes.size > 0 && tags.some((tag) => isInherited(tag) && hasWritten(self, tag))

const hasWritten = ({ writes }: Overlay, tag: string): boolean => {
  const one = idOfTag(tag)
  const ids = one === undefined ? Array.from(writes.keys()).filter((id) => groupTag(groupOf(id)) === tag) : [one]
  return ids.some((id) => (writes.get(id) ?? touch)._tag !== "Touch")
}

export const touch = { _tag: "Touch" }

/** What is written has the whole of its ttl before it until the commit, at every level that sees it. */
export const rebase = (self: Overlay, id: string, now: number): void => {
  const entry = self.own.memory.entries.get(id)
  const write = entry && writeSeen(self, id)
  if (write === undefined || write._tag === "Remove") return
  Memory.setDeadlines(self.own.memory, entry!, write._tag === "Set" ? endOf(write.life, now) : now + write.ttlMillis)
}

/** What was last written of an id, at this level or around it; `undefined` where it was loaded or is as it was. */
const writeSeen = (self: Overlay, id: string): Write | undefined => {
  for (let level: Overlay | undefined = self; level !== undefined; level = level.parent) {
    const write = level.writes.get(id)
    if (write !== undefined || level.isCleared || loadedHere(level, id) !== undefined) return write
  }
  return undefined
}

/** The step of a store that a count is. */
export const countStep = (count: Count, now: number): TransactStep => {
  if (count._tag === "RemoveCounter") return count
  const { ttlMillis, ...step } = count
  return { ...step, expiresAt: now + ttlMillis }
}

/** An operation that is used after the end, or throws, dies in the effect that it is. */
export const guarded = <A, E, R>(self: Overlay, run: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    requireOpen(self)
    return run()
  })
