/**
 * Records the dependencies of a load with `inherit: "changes"`: the tags of the entries that it reads, and a tag for
 * each id that it reads. The result's entry carries all these tags, so invalidating any of them invalidates the entry.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { TagVersion } from "../../../CacheEntry.ts"
import { CacheConfigError } from "../../../CacheError.ts"
import { dependencies as limits } from "../../defaults/bounds.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import { groupOf, groupTag, idOfTag, idTag, unverified } from "../../store/markers/idTags.ts"
import type { Dependency } from "../collections.ts"
import { type Entry, versionsOf } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as Policy from "../request/callPolicy.ts"
import { inheritOf } from "../request/inherit.ts"
import { declaredTags, tagsOfResult } from "../request/requestTags.ts"
import type { Attempt, Caller, Dependencies, Flight, Flights, ReadContext, Request } from "../state.ts"
import * as Log from "../telemetry/log.ts"

/** Throws if the store keeps no markers for ids, because changes to the ids that a load reads would go unnoticed. */
export const requireDependencies = ({ storeTier }: Flights): void => {
  if (storeTier === undefined || Boolean(storeTier.store.capabilities.dependencies)) return
  throw new CacheConfigError({
    message:
      `inherit: "changes" cannot be used with the store "${storeTier.store.name}", which keeps no markers of ids ` +
      `(capabilities.dependencies): use inherit: "life", or CacheLayer.memory, disk, files, redis or postgres`
  })
}

const make = (flight: Flight): Dependencies => {
  TagEpochs.follow(flight.engine.tagEpochs)
  return {
    engine: flight.engine,
    flight,
    tags: new Map(),
    groups: undefined,
    isTainted: false,
    own: undefined,
    lastId: undefined,
    last: undefined
  }
}

export const dependenciesOf = (within: Attempt): Dependencies | undefined => {
  const { flight } = within
  if (flight === undefined) return undefined
  if (within.dependencies !== undefined) return within.dependencies
  return inheritOf(flight) === "changes" ? within.dependencies = make(flight) : undefined
}

export const noteCaller = (self: Flights, caller: Caller): void => {
  const { flight, request, within } = caller
  caller.isEarly = flight.attempt.startedAt === undefined
  if (request.isAgain === true) caller.joinedAt = -1
  capture(self, within, flight.id)
}

/** Makes a request that repeats a read. One repetition suffices: it can join only loads begun after the first read. */
export const readAgain = (request: Request): Request => Object.create(request, { isAgain: { value: true } }) as Request

/** Notes an id before a load reads it, without asking the store. A repeated read does not change the noted epoch. */
export const capture = (self: Flights, within: Attempt | undefined, id: string): void => {
  const dependencies = within && dependenciesOf(within)
  if (dependencies !== undefined && isOfThisCache(self, dependencies, id)) noteId(dependencies, id)
}

const noteId = (dependencies: Dependencies, id: string): Dependency => {
  if (dependencies.lastId === id) return dependencies.last!
  const tag = tagFor(dependencies, groupsWith(dependencies, 1), id)
  const known = dependencies.tags.get(tag)
  const dependency = known ?? { epoch: dependencies.engine.tagEpochs.epoch, version: undefined, since: 0 }
  if (known === undefined) {
    // The store was not asked for the id's marker, so changes by other processes may have been missed.
    if (dependencies.engine.storeTier !== undefined) noteUnverified(dependencies)
    noteNewTag(dependencies, tag, dependency)
  }
  dependencies.lastId = id
  dependencies.last = dependency
  return dependency
}

/** Returns the number of ids in each group, or `undefined` if `more` further ids cannot exceed any limit. */
const groupsWith = (dependencies: Dependencies, more: number): Map<string, number> | undefined => {
  const { groups, tags } = dependencies
  if (groups !== undefined || tags.size + more <= limits.idsOfGroup) return groups
  const counted = dependencies.groups = new Map<string, number>()
  for (const tag of tags.keys()) countId(counted, tag)
  return counted
}

const countId = (groups: Map<string, number>, tag: string): void => {
  const id = idOfTag(tag)
  if (id === undefined) return
  const group = groupOf(id)
  groups.set(group, (groups.get(group) ?? 0) + 1)
}

/** The tag by which a load depends on an id: the id's or, if the load reads too many ids of a group, the group's. */
const tagFor = (
  { engine, tags }: Dependencies,
  groups: ReadonlyMap<string, number> | undefined,
  id: string
): string => {
  const tag = idTag(id)
  if (groups === undefined || tags.has(tag) || engine.storeTier?.store.capabilities.dependencies === "ids") return tag
  const group = groupOf(id)
  return (groups.get(group) ?? 0) < limits.idsOfGroup ? tag : groupTag(group)
}

const noteTag = (dependencies: Dependencies, tag: string, dependency: Dependency): void => {
  if (!dependencies.tags.has(tag)) noteNewTag(dependencies, tag, dependency)
}

const noteNewTag = (dependencies: Dependencies, tag: string, dependency: Dependency): void => {
  const { groups } = dependencies
  if (groups !== undefined) countId(groups, tag)
  dependencies.tags.set(tag, dependency)
}

/** Notes that a dependency could not be verified. The result is invalidated as soon as the store answers again. */
const noteUnverified = (dependencies: Dependencies): void =>
  add(dependencies, unverified, { epoch: dependencies.engine.tagEpochs.epoch, version: undefined, since: 0 })

/** A pending request for markers. `epoch` is the tag epoch before the request, so that changes during it count. */
interface Capture {
  readonly dependencies: Dependencies
  readonly tags: ReadonlyArray<string>
  readonly epoch: number
}

export const beginCapture = (self: Flights, within: Attempt, ids: ReadonlyArray<string>): Capture | undefined => {
  const dependencies = dependenciesOf(within)
  if (dependencies === undefined || dependencies.engine !== self) return undefined
  const counted = groupsWith(dependencies, ids.length)
  const groups = counted && new Map(counted)
  const tags = new Set<string>()
  for (const id of ids) {
    const tag = tagFor(dependencies, groups, id)
    if (dependencies.tags.has(tag) || tags.has(tag)) continue
    tags.add(tag)
    if (groups !== undefined) countId(groups, tag)
  }
  if (tags.size === 0) return undefined
  return { dependencies, tags: Array.from(tags), epoch: TagEpochs.epochNow(self.tagEpochs) }
}

export const captured = (
  { dependencies, epoch, tags }: Capture,
  versions: ReadonlyArray<string> | undefined
): void => {
  const { storeTier } = dependencies.engine
  if (versions === undefined) noteUnverified(dependencies)
  const since = versions === undefined ? 0 : ++storeTier!.captures
  tags.forEach((tag, i) => noteTag(dependencies, tag, { epoch, version: versions?.[i], since }))
}

/** Whether a load must not use an id's entry in memory, because the entry may be older than the captured marker. */
export const isCompared = (self: Flights, within: Attempt | undefined, id: string): boolean => {
  const dependencies = within?.dependencies
  if (dependencies === undefined || self.storeTier === undefined) return false
  return dependencies.tags.get(tagFor(dependencies, dependencies.groups, id))?.version !== undefined
}

/** Runs a read after capturing the markers that it needs. Returns `undefined` if the read needs none. */
export const capturedFirst = <A, E, R>(
  self: Flights,
  { policy, within }: Pick<ReadContext, "policy" | "within">,
  keys: ReadonlyArray<Key>,
  rest: (fiber: Fiber.Fiber<any, any>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> | undefined => {
  if (within === undefined || self.storeReads === undefined || policy.bypass) return undefined
  const asked = self.storeReads.captureFirst(self, { policy, within }, keys.map(idOf))
  return asked && Effect.flatMap(asked, (left) => {
    const read = Effect.withFiber(rest)
    return left === policy ? read : Effect.provideService(read, Policy.Current, left)
  })
}

/** Adds an entry that was served inside the load. `asOf`: the number of captures when the store was asked for it. */
export const addServed = (self: Flights, dependencies: Dependencies, entry: Entry, asOf: number): void => {
  const { checkedAt, id, tags } = entry
  if (!isOfThisCache(self, dependencies, id)) return
  answered(dependencies, id, asOf)
  if (tags.length > 0) addTags(dependencies, tags, checkedAt, versionsOf(entry))
}

export const addLoaded = (dependencies: Dependencies, flight: Flight): void => {
  const { asOf, attempt: { dependencies: inner }, bornAt, engine, id } = flight
  if (!isOfThisCache(engine, dependencies, id)) return
  answered(dependencies, id, engine.storeTier === undefined ? Infinity : asOf)
  if (inner !== undefined) addAll(dependencies, inner)
  const tags = ownTags(flight)
  if (tags === undefined) taint(dependencies)
  else addTags(dependencies, tags, bornAt, flight.versions)
}

/** Taints the result if a value was requested before its id's marker was captured: the id may have changed since. */
const answered = (dependencies: Dependencies, id: string, asOf: number): void => {
  if (asOf < noteId(dependencies, id).since) taint(dependencies)
}

/** Marks a result as possibly outdated. Callers that joined during the load must read again; earlier ones need not. */
const taint = (dependencies: Dependencies): void => {
  const { flight } = dependencies
  if (dependencies.isTainted) return
  dependencies.isTainted = true
  for (const caller of flight.callers) if (caller.isEarly === true) caller.joinedAt = -1
  flight.bornAt = -1
}

export const addAll = (dependencies: Dependencies, inner: Dependencies): void => {
  if (inner.isTainted) taint(dependencies)
  for (const [tag, dependency] of inner.tags) add(dependencies, tag, { ...dependency, since: 0 })
}

const addTags = (
  dependencies: Dependencies,
  tags: ReadonlyArray<string>,
  epoch: number,
  versions: ReadonlyArray<TagVersion> | undefined
): void => {
  for (const tag of tags) {
    const version = versions?.find((one) => one.tag === tag)?.version
    add(dependencies, tag, { epoch, version, since: 0 })
  }
}

const add = (dependencies: Dependencies, tag: string, dependency: Dependency): void => {
  const known = dependencies.tags.get(tag)
  if (known !== undefined) {
    if (dependency.epoch < known.epoch) known.epoch = dependency.epoch
    // Two versions of one tag mean that one value that the load has read is older than a change, and another is newer.
    const isOther = known.version !== undefined && dependency.version !== undefined &&
      known.version !== dependency.version
    if (isOther) taint(dependencies)
    // A value without a tag version may be older or newer than other values, so no version can prove the result valid.
    if (dependency.version === undefined) known.version = undefined
    return
  }
  dependencies.tags.set(tag, dependency)
}

/** Whether a value is from the load's cache. If not, taints the result, as changes in another cache go unnoticed. */
const isOfThisCache = (self: Flights, dependencies: Dependencies, id: string): boolean => {
  if (self === dependencies.engine) return true
  if (!dependencies.isTainted) {
    Log.warnOnce(
      dependencies.engine,
      "another cache",
      `A load with inherit: "changes" read "${id}" of another cache: its result is not cached, because changes there ` +
        `cannot be followed. Read it with inherit: "life", or from one cache (logged once)`,
      { other: id }
    )
  }
  taint(dependencies)
  return false
}

const ownTags = (flight: Flight): ReadonlyArray<string> | undefined => {
  const { attempt: { annotations, dependencies, previous, renewed }, engine, entry, exit, request } = flight
  const known = dependencies?.own ?? entry?.tags
  if (known !== undefined) return known
  try {
    const tags = exit === undefined ? declaredTags(engine, request) : tagsOfResult(engine, request, exit)
    return [...tags, ...annotations?.tags ?? (renewed ? previous!.tags : [])]
  } catch {
    return undefined
  }
}

const hasMoved = ({ engine: { tagEpochs }, tags }: Dependencies): boolean => {
  for (const [tag, { epoch }] of tags) if (TagEpochs.changedSince(tagEpochs, [tag], epoch)) return true
  return false
}

/** Whether a dependency has changed. If so, no reader may join. If not, notes that none has changed until now. */
export const hasMovedForJoining = (flight: Flight): boolean => {
  const { attempt: { dependencies }, request: { followed } } = flight
  if (dependencies !== undefined) {
    if (hasMoved(dependencies)) return true
    const { engine: { tagEpochs }, tags } = dependencies
    for (const [tag, dependency] of tags) {
      if (!TagEpochs.softenedSince(tagEpochs, [tag], dependency.epoch)) dependency.epoch = tagEpochs.epoch
    }
  }
  // An effect's result is checked again at the end, but a stream's consumer receives elements before the end.
  return followed !== undefined && inheritOf(flight) === "changes" && hasMovedInside(flight)
}

/** Whether a dependency of an inner load has changed. Inner loads report their dependencies only when they end. */
const hasMovedInside = (flight: Flight): boolean => {
  const seen = new Set([flight])
  // A loop over a set also visits the elements that are added during the loop.
  for (const { attempt: { waitsOn } } of seen) {
    for (const inner of waitsOn?.keys() ?? []) {
      const { attempt: { dependencies }, bornAt, engine, request } = inner
      if (dependencies !== undefined && hasMoved(dependencies)) return true
      if (typeof request.options.tags === "function") return true
      if (TagEpochs.movedSince(engine.tagEpochs, declaredTags(engine, request), bornAt)) return true
      seen.add(inner)
    }
  }
  return false
}

const isSoftened = ({ engine: { tagEpochs }, tags }: Dependencies): boolean => {
  for (const [tag, { epoch }] of tags) if (TagEpochs.softenedSince(tagEpochs, [tag], epoch)) return true
  return false
}

/** Whether a caller must read again, because the result is older than a change that the caller may know of. */
export const isOlderThanJoining = (dependencies: Dependencies, flight: Flight, joinedAt: number): boolean => {
  const { engine: { tagEpochs }, isTainted, own, tags } = dependencies
  if (isTainted || TagEpochs.movedSince(tagEpochs, own ?? [], flight.bornAt)) return true
  for (const [tag, { epoch }] of tags) {
    if (epoch < joinedAt && TagEpochs.movedSince(tagEpochs, [tag], epoch)) return true
  }
  return false
}

interface Landing {
  readonly tags: ReadonlyArray<string>
  readonly bornAt: number
  readonly isSoftened: boolean
}

/**
 * Adds the dependencies' tags to the result's own tags. Returns `undefined` if a dependency has changed since it was
 * read. Earlier changes do not count, because results with an often invalidated tag could otherwise never be stored.
 */
export const land = (dependencies: Dependencies, flight: Flight, own: ReadonlyArray<string>): Landing | undefined => {
  const { isTainted, tags, engine: { tagEpochs } } = dependencies
  dependencies.own = own
  if (isTainted || hasMoved(dependencies) || TagEpochs.changedSince(tagEpochs, own, flight.bornAt)) return undefined
  return {
    tags: own.length === 0 ? Array.from(tags.keys()) : Array.from(new Set([...own, ...tags.keys()])),
    bornAt: tagEpochs.epoch,
    isSoftened: isSoftened(dependencies) || TagEpochs.softenedSince(tagEpochs, own, flight.bornAt)
  }
}

/** Whether the result may be stored: it needs the versions of all its dependencies, and must not have too many tags. */
export const fitsStore = (
  self: Flights,
  { id, request: { key } }: Flight,
  of: Dependencies,
  { tags }: Entry
): boolean => {
  for (const { version } of of.tags.values()) if (version === undefined) return false
  if (tags.length <= limits.tags) return true
  const about: Log.About = { id, key }
  Log.warnOnce(
    self,
    `dependencies ${Log.topicOf(about)}`,
    `The result of "${id}" stays in memory and is not stored: it derives from so much that it has ${tags.length} tags, and ` +
      `a store takes ${limits.tags} (logged once a key class or cause)`,
    { about }
  )
  return false
}

/** Merges the versions of a result's own tags and its dependencies. Returns `undefined` if the two differ for a tag. */
export const withDependencies = (
  { tags }: Dependencies,
  own: ReadonlyArray<TagVersion>
): ReadonlyArray<TagVersion> | undefined => {
  const all = new Map(own.map(({ tag, version }) => [tag, version]))
  for (const [tag, { version }] of tags) {
    const known = all.get(tag)
    if (known !== undefined && known !== version) return undefined
    all.set(tag, version!)
  }
  return Array.from(all, ([tag, version]) => ({ tag, version }))
}
