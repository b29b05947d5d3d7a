/** The state of an engine as an inspector sees it. All of it is computed on request, and costs nothing before. */
import { dependsOnOf } from "#platform/store/markers/dependsOn"
import type * as Clock from "effect/Clock"
import type { Outcome } from "../../../CacheEntry.ts"
import { weightOf } from "../../eviction/nodes.ts"
import { stringOfId } from "../../key/id.ts"
import type { Key } from "../../key/ofKey.ts"
import { isInherited } from "../../store/markers/idTags.ts"
import { isPage } from "../../store/pageIds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { Engine } from "../engine.ts"
import type { Entry } from "../memory/entry.ts"
import { standard } from "../request/callPolicy.ts"
import type { Flight, Policy } from "../state.ts"
import * as Circuit from "../storeTier/circuit.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { classOf, total } from "../telemetry/stats.ts"
import type { Meter } from "../telemetry/telemetry.ts"
import { liveEntry } from "./inspect.ts"

/** An entry of memory. */
export interface Row {
  readonly id: string
  readonly keyClass: string | undefined
  readonly createdAt: number
  readonly softExpiresAt: number
  readonly expiresAt: number
  readonly isFresh: boolean
  readonly reads: number
  readonly weight: number
  readonly tags: ReadonlyArray<string>
  readonly dependsOn?: ReadonlyArray<string> | undefined
  readonly outcome: Outcome
  readonly loadMillis: number
}

/** The operations that the policy of a cache disables (`CacheLayer.withDisabled`). */
export const disabledIn = (policy: ((policy: Policy) => Policy) | undefined): ReadonlySet<string> =>
  policy?.(standard).disabled ?? standard.disabled

/** The entries in the order of the memory tier. Some may have expired, or be pages of streams (see `rowOf`). */
export const entries = ({ memory }: Engine): IterableIterator<Entry> => memory.entries.values()

/** `undefined` for an entry that is no longer served, and for a page of a stream. */
export const rowOf = (self: Engine, entry: Entry, now: number): Row | undefined => {
  if (isPage(entry.id) || liveEntry(self, entry.id, now) !== entry) return undefined
  // Looking at the entry may have noticed a soft invalidation.
  const { createdAt, expiresAt, id, loadMillis, outcome, reads, softExpiresAt, tags } = entry
  return {
    id,
    keyClass: classOf(self, entry.counters),
    createdAt,
    softExpiresAt,
    expiresAt,
    isFresh: now < softExpiresAt,
    reads,
    weight: weightOf(entry),
    tags: tags.filter((tag) => !isInherited(tag)),
    ...dependsOnOf(tags),
    outcome,
    loadMillis
  }
}

export const entryOf = (self: Engine, id: string, now: number): Entry | undefined => liveEntry(self, id, now)

/** How telemetry shows an id or a tag (`CacheLayer.withTelemetry`). `undefined`: not at all. */
export const shown = ({ disguise }: Engine, id: string): string | undefined =>
  disguise === undefined ? id : disguise.annotationsOf({ id, key: id })["cache.key"]

/** The name that `CacheLayer.withTelemetry` has given to the cache. */
export const nameOf = ({ disguise }: Engine): string | undefined =>
  disguise?.annotationsOf({ id: "", key: "" })["cache.name"]

/** A key with this id: a string key, or one that stands for the key of a class, whose payload is not known. */
export const keyOf = ({ keyClasses }: Engine, id: string, tags: ReadonlyArray<string>): Key => {
  const key = stringOfId(id)
  if (key !== undefined) return key
  const [, met] = Array.from(keyClasses.byPrefix).find(([prefix]) => id.startsWith(prefix)) ?? []
  const info = met?.newest.deref() ?? {}
  return {
    "~id": id,
    "~class": Object.assign(Object.create(info), { structuralTags: () => tags, ownTags: () => [] })
  } as unknown as Key
}

/** A flight that has not ended. `waitsFor` and `parent` are places in the same list. */
interface Flying {
  readonly id: string
  readonly keyClass: string | undefined
  readonly phase: Flight["phase"]
  readonly kind: "load" | "refresh" | "stream"
  /** How long its load runs, or how long its first caller waits. `undefined` if neither is known. */
  readonly ageMillis: number | undefined
  readonly waiters: number
  readonly holdsLease: boolean
  readonly isStorable: boolean
  /** Whether it has outlasted the patience of a reader, or runs again because it did. */
  readonly isLate: boolean
  readonly parent: number | undefined
  readonly waitsFor: ReadonlyArray<number>
}

const lookedAtCallers = 100

export const flights = (self: Engine, clock: Clock.Clock, most: number): ReadonlyArray<Flying> => {
  const queued = Array.from(self.refreshing.queue, (unit) => Array.from(unit.flights)).flat()
  const all = Array.from(new Set([...self.running.all(), ...queued])).filter(({ phase }) => phase !== "Ended")
  const listed = all.slice(0, most)
  const places = new Map(listed.map((flight, i) => [flight, i]))
  const now = monotonicMillis(clock)
  return listed.map((flight): Flying => {
    const { attempt, callers, id, lease, parent, phase, request, storable } = flight
    let first = attempt.startedAt === undefined ? Infinity : attempt.beganAt
    let isLate = flight.restarts > 0 || flight.isOrphan
    let looked = 0
    for (const caller of callers) {
      if (looked++ === lookedAtCallers) break
      if (attempt.startedAt === undefined) first = Math.min(first, caller.since ?? Infinity)
      if (caller.pastSoftTimeout) isLate = true
    }
    return {
      id,
      keyClass: classOf(self, flight.counters),
      phase,
      kind: flight.refresh ? "refresh" : request.followed === undefined ? "load" : "stream",
      ageMillis: first === Infinity ? undefined : Math.max(0, now - first),
      waiters: callers.size,
      holdsLease: lease !== undefined,
      isStorable: storable,
      isLate,
      parent: parent && places.get(parent),
      waitsFor: Array.from(attempt.waitsOn?.keys() ?? []).flatMap((other) => places.get(other) ?? [])
    }
  })
}

export const countsOf = (self: Engine) => ({ ...total(self), ...self.memory.removals })

export const gauges = ({ memory, refreshing, running, storeTier: tier }: Engine) => ({
  size: memory.entries.size,
  weight: memory.weight,
  capacity: memory.capacity,
  isWeighed: memory.weigh !== undefined,
  hasCurve: memory.curve !== undefined,
  flights: running.size,
  waiters: running.all().reduce((sum, { callers }) => sum + callers.size, 0),
  refreshQueue: refreshing.queue.size,
  store: tier && {
    name: tier.store.name,
    pending: Pending.size(tier.pending),
    isUntracked: tier.untracked && !tier.untrackable,
    isOpen: Circuit.isOpen(tier.circuit),
    isFailing: tier.incident.since !== undefined
  }
})

const ignore = (): void => {}

const silent: Meter = {
  met: ignore,
  served: ignore,
  loaded: ignore,
  restarted: ignore,
  refreshed: ignore,
  keptOut: ignore,
  invalidated: ignore,
  asked: ignore,
  transferred: ignore,
  waitedForLease: ignore,
  transacted: ignore,
  streamed: ignore,
  refusedByGuard: ignore
}

interface Asking {
  readonly told: Set<(millis: number) => void>
  /** The meter of `CacheMetrics`, if the cache has one. */
  readonly below: Meter | undefined
}

/** Shared by all that listen: a meter for each would stay below those that were added later. */
const asking = new WeakMap<Meter, Asking>()

/** Tells how long the store takes, until the returned function is called. */
export const onAsked = (self: Engine, tell: (millis: number) => void): () => void => {
  const { below, told } = self.meter && asking.get(self.meter) || { below: self.meter, told: new Set() }
  if (self.meter === below) {
    self.meter = {
      ...below ?? silent,
      asked(operation, result, millis) {
        below?.asked(operation, result, millis)
        for (const tell of told) tell(millis)
      }
    }
    asking.set(self.meter, { below, told })
  }
  const shared = self.meter
  told.add(tell)
  return () => {
    told.delete(tell)
    if (told.size === 0 && self.meter === shared) self.meter = below
  }
}
