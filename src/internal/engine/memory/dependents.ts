/**
 * Who depends on which ids: their tags, with the number of entries in memory and of running loads that carry them. A
 * removal looks here, so that one on which nothing depends costs nothing more. Entries and loads are counted apart, because
 * the entries leave all at once when memory is emptied.
 */
import * as Effect from "effect/Effect"
import { keptDependencies } from "../../defaults/bounds.ts"
import { groupOf, groupTag, idTag, isInherited } from "../../store/markers/idTags.ts"
import type { Entry } from "./entry.ts"
import * as TagEpochs from "./tagEpochs.ts"

export interface Dependents {
  /** some of them count 0: see `remove` */
  readonly loads: Counts
  /** how many tags running loads have read */
  ofLoads: number
  entries: Counts
}

type Counts = Map<string, Depended>

interface Depended {
  readonly tag: string
  count: number
}

export const make = (): Dependents => ({ loads: new Map(), ofLoads: 0, entries: new Map() })

/** Whether anything depends on what a tag stands for. */
export const has = ({ entries, loads }: Dependents, tag: string): boolean =>
  entries.has(tag) || (loads.get(tag)?.count ?? 0) > 0

/** A load depends on it. Answers the tag as all have it: one text for what is compared with itself most of the time. */
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

/** A load has ended. What it has read the next load reads too, most of the time: few tags are kept for that. */
export const remove = (self: Dependents, tag: string): void => {
  const { loads } = self
  const known = loads.get(tag)!
  if (--known.count > 0) return
  self.ofLoads--
  if (loads.size > keptDependencies) loads.delete(tag)
}

/** Tags count while the store is asked about what has them: it would not be noticed else that they were changed meanwhile. */
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

/** An entry comes into memory. */
export const enter = ({ entries }: Dependents, { tags }: Entry): void => {
  for (const tag of tags) if (isInherited(tag)) count(entries, tag)
}

/** An entry has left memory. */
export const leave = ({ entries }: Dependents, { tags }: Entry): void => {
  if (entries.size === 0) return
  for (const tag of tags) if (isInherited(tag)) discount(entries, tag)
}

/** All entries have left memory. */
export const leaveAll = (self: Dependents): void => {
  self.entries = new Map()
}

/** An id was removed or set by hand: what derives from it is gone. */
export const idChanged = (self: Dependents, epochs: TagEpochs.TagEpochs, id: string): void => {
  if (self.entries.size === 0 && self.ofLoads === 0) return
  const tags = [idTag(id), groupTag(groupOf(id))].filter((tag) => has(self, tag))
  if (tags.length > 0) TagEpochs.invalidate(epochs, tags)
}
