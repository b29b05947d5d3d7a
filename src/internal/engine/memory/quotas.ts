/**
 * Limits the size of key classes in memory (`CacheLayer.withQuotas`). Quotas wrap the memory of an engine, so an engine
 * without quotas pays nothing. The layer's policy still sees all entries. Each quota has its own policy of the same
 * kind for its class. A policy keeps its order in the links of nodes, so an entry with a quota has a second node.
 */
import * as Entries from "#platform/engine/memory/entries"
import { CacheConfigError } from "../../../CacheError.ts"
import type { Eviction, Node, Policy } from "../../../ports/eviction.ts"
import { bytes } from "../../../Weigher.ts"
import { many } from "../../defaults/bounds.ts"
import { weightOf } from "../../eviction/nodes.ts"
import { policies } from "../../eviction/policies.ts"
import { boundOfMemory, type SizeInput } from "../../options/size.ts"
import { classOf } from "../telemetry/stats.ts"
import type { Counters } from "../telemetry/telemetry.ts"
import * as Deadlines from "./deadlines.ts"
import type { Entry } from "./entry.ts"
import { makePolicy } from "./evictionPolicy.ts"
import * as Memory from "./memory.ts"
import { weighWith } from "./weigh.ts"

export interface Quotas {
  readonly [keyClass: string]: SizeInput
}

interface Place extends Node {
  readonly weight: number
  readonly entry: Entry
}

interface Quota {
  readonly most: number
  /** Weighs what counts against the quota. `undefined`: entries count as in memory. */
  readonly weigh: ((entry: Entry) => number | undefined) | undefined
  readonly policy: Policy
  places: Entries.Entries<Place>
  weight: number
}

export const enforce = (self: Memory.MemoryTier, quotas: Quotas): void => {
  const { memory } = self
  if (memory.capacity === 0) return
  if (memory.entries.size > 0) {
    throw new CacheConfigError({
      message: "CacheLayer.withQuotas needs a cache of its own, and this one is in use: give each of them a layer"
    })
  }
  const isWeighed = Memory.isWeighed(memory)
  const mostOf = (name: string): number => boundOfMemory(`The quota of "${name}"`, quotas[name], isWeighed)
  const options = { eviction: memory.eviction, weighed: isWeighed }
  wrap(self, new Map(Object.keys(quotas).map((name) => [name, makeQuota(self, { ...options, most: mostOf(name) })])))
}

/** Bounds the bytes that the entries of some classes have together, unless all entries are weighed. */
export const boundBytes = (self: Memory.MemoryTier, classes: ReadonlyArray<string>, most: number): void => {
  const { memory } = self
  if (memory.capacity === 0 || Memory.isWeighed(memory)) return
  const weigh = weighWith(bytes, () => self)
  const quota = makeQuota(self, { most, eviction: policies.lru, weighed: true, weigh })
  wrap(self, new Map(classes.map((name) => [name, quota])))
}

const wrap = (self: Memory.MemoryTier, byName: ReadonlyMap<string, Quota>): void => {
  const { memory } = self
  // The quotas by the counters of their classes. An entry has these counters, so a hit need not look up its class.
  const byCounters = new Map<Counters, Quota | undefined>()
  const quotaOf = ({ counters }: Entry): Quota | undefined => {
    const known = byCounters.get(counters)
    if (known !== undefined || byCounters.has(counters)) return known
    const quota = byName.get(classOf(self, counters) ?? "")
    byCounters.set(counters, quota)
    return quota
  }
  const { policy, weigh } = memory
  const all = Array.from(new Set(byName.values()))
  // Memory is emptied in one step only if every policy has `cleared`, which a user's policy may lack.
  const isEmptiedAtOnce = [policy, ...all.map((quota) => quota.policy)].every(({ cleared }) => cleared !== undefined)

  memory.weigh = (entry) => {
    const weight = weigh === undefined ? 1 : weigh(entry)
    const quota = quotaOf(entry)
    if (weight === undefined || quota === undefined) return weight
    const own = quota.weigh === undefined ? weight : quota.weigh(entry)
    if (own === undefined || own > quota.most || weight > memory.capacity) return undefined
    makeRoom(self, quota, () => own - (quota.places.get(entry.id)?.weight ?? 0))
    return weight
  }

  memory.policy = {
    added: (node) => {
      const entry = node as Entry
      const quota = quotaOf(entry)
      if (quota !== undefined) enter(quota, entry)
      policy.added(node)
    },
    replaced: (former, node) => {
      const [old, entry] = [former as Entry, node as Entry]
      const [from, to] = [quotaOf(old), quotaOf(entry)]
      if (from === to) {
        if (to !== undefined) exchange(to, old, entry)
      } else {
        if (from !== undefined) leave(from, old)
        if (to !== undefined) enter(to, entry)
      }
      policy.replaced!(former, node)
    },
    read: (node) => {
      const quota = quotaOf(node as Entry)
      const place = quota?.places.get(node.id)
      if (place !== undefined) quota!.policy.read(place)
      policy.read(node)
    },
    removed: (node) => {
      const entry = node as Entry
      const quota = quotaOf(entry)
      if (quota !== undefined) leave(quota, entry)
      policy.removed(node)
    },
    cleared: isEmptiedAtOnce ?
      () => {
        for (const quota of all) empty(quota)
        policy.cleared!()
      } :
      undefined,
    victim: () => policy.victim(),
    resized: (capacity) => policy.resized?.(capacity)
  }
}

interface QuotaOptions {
  readonly most: number
  readonly eviction: Eviction
  readonly weighed: boolean
  readonly weigh?: Quota["weigh"]
}

const makeQuota = (self: Memory.MemoryTier, { eviction, most, weigh, weighed }: QuotaOptions): Quota => {
  const options = { capacity: most, eviction, seed: self.tokens.word, weighed }
  const places = {
    get: (id: string) => quota.places.get(id),
    values: () => quota.places.values()
  }
  const quota: Quota = {
    most,
    weigh,
    policy: makePolicy(options, { entries: places, telemetry: () => self }),
    places: Entries.make(),
    weight: 0
  }
  return quota
}

const empty = (quota: Quota): void => {
  quota.places = Entries.make()
  quota.weight = 0
  quota.policy.cleared!()
}

const placeOf = ({ weigh }: Quota, entry: Entry): Place => ({
  id: entry.id,
  weight: weigh?.(entry) ?? weightOf(entry),
  entry,
  previous: undefined,
  next: undefined,
  mark: 0
})

const enter = (quota: Quota, entry: Entry): void => {
  const place = placeOf(quota, entry)
  quota.weight += place.weight
  quota.places.set(entry.id, place)
  quota.policy.added(place)
}

const leave = (quota: Quota, entry: Entry): void => {
  const place = quota.places.get(entry.id)
  // An entry that is older than the bound.
  if (place === undefined) return
  quota.weight -= place.weight
  quota.places.delete(entry.id)
  quota.policy.removed(place)
}

const exchange = (quota: Quota, old: Entry, entry: Entry): void => {
  const { places, policy } = quota
  const former = places.get(old.id)
  if (former === undefined) return enter(quota, entry)
  const place = placeOf(quota, entry)
  quota.weight += place.weight - former.weight
  places.set(entry.id, place)
  policy.replaced!(former, place)
}

/** Makes room for a new entry. Evaluates `needed` on each pass: its result changes if the old entry is evicted. */
const makeRoom = (self: Memory.MemoryTier, quota: Quota, needed: () => number): void => {
  const { memory } = self
  const now = memory.sweeper?.clock()?.currentTimeMillisUnsafe()
  // Without a common clock of the readers, no entry is known to have expired.
  let mayExpire = now === undefined ? 0 : many.steps
  while (quota.weight + needed() > quota.most) {
    // Expired entries leave before live ones, but a single `put` removes only a limited number of expired entries.
    const expired = mayExpire-- > 0 ? Deadlines.firstExpired(memory.deadlines, now!) : undefined
    if (expired !== undefined) Memory.expire(memory, expired)
    else {
      const victim = victimOf(quota)
      // A user's eviction policy or removal listener has emptied memory in the meantime.
      if (victim === undefined) break
      memory.evictedWeight += weightOf(victim)
      Memory.remove(memory, victim.id, "evicted")
    }
  }
}

const victimOf = ({ places, policy }: Quota): Entry | undefined =>
  ((policy.victim() as Place | undefined) ?? places.values().next().value)?.entry
