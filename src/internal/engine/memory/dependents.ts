/**
 * Who depends on which ids: their tags, with the number of entries in memory and of running loads that carry them. A
 * removal looks here, so that one on which nothing depends costs nothing more. Entries and loads are counted apart, because
 * the entries leave all at once when memory is emptied.
 */
import * as Effect from "effect/Effect"
import { groupOf, groupTag, idTag, isInherited } from "../../store/idTags.ts"
import type { Entry } from "./entry.ts"
import * as TagEpochs from "./tagEpochs.ts"

export interface Dependents {
  readonly loads: Counts
  entries: Counts
}

type Counts = Map<string, Depended>

interface Depended {
  readonly tag: string
  count: number
}

export const make = (): Dependents => ({ loads: new Map(), entries: new Map() })

/** Whether anything depends on what a tag stands for. */
export const has = ({ entries, loads }: Dependents, tag: string): boolean => entries.has(tag) || loads.has(tag)

/** A load depends on it. Answers the tag as all have it: one text for what is compared with itself most of the time. */
export const add = ({ entries, loads }: Dependents, tag: string): string => {
  const known = loads.get(tag)
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

/** A load has ended. */
export const remove = ({ loads }: Dependents, tag: string): void => discount(loads, tag)

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
  if (self.entries.size === 0 && self.loads.size === 0) return
  const tags = [idTag(id), groupTag(groupOf(id))].filter((tag) => has(self, tag))
  if (tags.length > 0) TagEpochs.invalidate(epochs, tags)
}
