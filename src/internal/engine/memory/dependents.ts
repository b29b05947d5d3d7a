/**
 * Counts the entries in memory and the running loads that depend on each id, by the tag of the id. Removing an id
 * without dependents then costs nothing extra. Loads are counted separately: emptying memory keeps their counts.
 */
import * as Effect from "effect/Effect"
import { keptDependencies } from "../../defaults/bounds.ts"
import { isInherited, tagsOfId } from "../../store/markers/idTags.ts"
import type { Entry } from "./entry.ts"
import * as TagEpochs from "./tagEpochs.ts"

export interface Dependents {
  /** Tags on which running loads depend. Some counts are 0, because `remove` keeps a limited number of tags. */
  readonly loads: Counts
  ofLoads: number
  entries: Counts
}

type Counts = Map<string, Depended>

interface Depended {
  readonly tag: string
  count: number
}

export const make = (): Dependents => ({ loads: new Map(), ofLoads: 0, entries: new Map() })

export const has = ({ entries, loads }: Dependents, tag: string): boolean =>
  entries.has(tag) || (loads.get(tag)?.count ?? 0) > 0

/** Counts a load as a dependent of a tag. Returns one shared string for the tag, which makes comparisons cheap. */
export const add = (self: Dependents, tag: string): string => {
  const { entries, loads } = self
  const known = loads.get(tag)
  if (known === undefined || known.count === 0) self.ofLoads++
  if (known === undefined) return first(loads, entries.get(tag)?.tag ?? tag)
  known.count++
  return known.tag
}

const first = (counts: Counts, tag: string): string => {
  counts.set(tag, { tag, count: 1 })
  return tag
}

const count = (counts: Counts, tag: string): void => {
  const known = counts.get(tag)
  if (known === undefined) first(counts, tag)
  else known.count++
}

/** Removes a load from a tag's count. Keeps a limited number of tags at 0: the next load usually reads the same ids. */
export const remove = (self: Dependents, tag: string): void => {
  const { loads } = self
  const known = loads.get(tag)!
  if (--known.count > 0) return
  self.ofLoads--
  if (loads.size > keptDependencies) loads.delete(tag)
}

/** Tracks changes to an entry's dependencies while the store is asked about the entry, so that no change is missed. */
export const during = <A, E, R>(
  self: Dependents,
  tags: ReadonlyArray<string>,
  asking: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const inherited = tags.filter(isInherited)
  return inherited.length === 0 ? asking : Effect.acquireUseRelease(
    Effect.sync(() => inherited.forEach((tag) => add(self, tag))),
    () => asking,
    () => Effect.sync(() => inherited.forEach((tag) => remove(self, tag)))
  )
}

const discount = (counts: Counts, tag: string): void => {
  const known = counts.get(tag)!
  if (--known.count === 0) counts.delete(tag)
}

export const enter = ({ entries }: Dependents, { tags }: Entry): void => {
  for (const tag of tags) if (isInherited(tag)) count(entries, tag)
}

export const leave = ({ entries }: Dependents, { tags }: Entry): void => {
  if (entries.size === 0) return
  for (const tag of tags) if (isInherited(tag)) discount(entries, tag)
}

export const leaveAll = (self: Dependents): void => {
  self.entries = new Map()
}

export const idChanged = (self: Dependents, epochs: TagEpochs.TagEpochs, id: string): void => {
  const tags = tagsOf(self, id)
  if (tags.length > 0) TagEpochs.invalidate(epochs, tags)
}

/** Like `idChanged`, for a change that the store reports. */
export const reported = (self: Dependents, epochs: TagEpochs.TagEpochs, id: string): void => {
  const tags = tagsOf(self, id)
  if (tags.length > 0) TagEpochs.noteReported(epochs, tags)
}

/** Like `reported`, if any id may have changed. */
export const allReported = ({ entries, loads }: Dependents, epochs: TagEpochs.TagEpochs): void => {
  if (entries.size + loads.size > 0) TagEpochs.noteReported(epochs, [...entries.keys(), ...loads.keys()])
}

const tagsOf = (self: Dependents, id: string): ReadonlyArray<string> =>
  self.entries.size === 0 && self.ofLoads === 0 ? none : tagsOfId(id).filter((tag) => has(self, tag))

const none: ReadonlyArray<string> = []
