/** The steps of `get`, `set`, `touch` and `remove` over a synchronous storage. */
import type { Stored } from "../../../CacheEntry.ts"
import type { Answer, SetCondition, SetRequest, TouchOptions } from "../../../ports/store.ts"
import { holds, isLive, touched } from "../conditions.ts"
import { tagsOfId } from "../markers/idTags.ts"
import * as Markers from "../markers/markers.ts"
import type { Sync } from "./sync.ts"

export const stored = ({ storage }: Sync, id: string): Stored | undefined => {
  const entry = storage.get(id)
  return entry === "damaged" ? undefined : entry
}

export const storedMany = (self: Sync, ids: ReadonlyArray<string>): ReadonlyArray<Stored | undefined> => {
  const { snapshot } = self.storage
  const all = () => ids.map((id) => stored(self, id))
  return snapshot === undefined || ids.length === 1 ? all() : snapshot(all)
}

export const read = ({ look, storage, tags }: Sync, id: string, names: ReadonlyArray<string>): Answer => {
  const entry = storage.get(id)
  const versions = Markers.versionsOf(tags, names)
  if (entry === "damaged") return { entry: undefined, versions, isDamaged: true }
  look?.(entry)
  return { entry, versions }
}

export const write = (self: Sync, id: string, entry: Stored, now: number): void => {
  self.moves++
  self.storage.set(id, entry, now)
}

/** Removes the markers of ids. Called last in a change: a process that recreates a marker then sees the new entry. */
const endMarkers = ({ tags }: Sync, ids: ReadonlyArray<string>): void =>
  tags.remove?.(ids.length === 1 ? tagsOfId(ids[0]!) : Array.from(new Set(ids.flatMap(tagsOfId))))

export const setAll = (self: Sync, requests: ReadonlyArray<SetRequest>, now: number): ReadonlyArray<boolean> => {
  const written: Array<string> = []
  const answers = requests.map(({ condition, entry, id }) => {
    if (!accepts(self, id, condition, now)) return false
    self.leases.end(id)
    write(self, id, entry, now)
    return written.push(id) > 0
  })
  if (written.length > 0) endMarkers(self, written)
  return answers
}

export const accepts = (self: Sync, id: string, condition: SetCondition | undefined, now: number): boolean =>
  condition === undefined || holds(condition, stored(self, id), now, self.tags)

export const touch = (self: Sync, id: string, options: TouchOptions, now: number): boolean => {
  const entry = touched(stored(self, id), options, now, self.tags)
  if (entry !== undefined) write(self, id, entry, now)
  return entry !== undefined
}

export const removeAll = (self: Sync, ids: ReadonlyArray<string>, now: number): ReadonlyArray<boolean> => {
  const removed = ids.map((id) => {
    const was = wasLive(self, id, now)
    return dropEntry(self, id) && was
  })
  endMarkers(self, ids)
  return removed
}

/** Whether an entry is live. If the read throws, the entry counts as live, so that it can be removed nevertheless. */
const wasLive = (self: Sync, id: string, now: number): boolean => {
  try {
    return isLive(stored(self, id), now, self.tags)
  } catch {
    return true
  }
}

export const drop = (self: Sync, id: string): boolean => {
  const wasThere = dropEntry(self, id)
  endMarkers(self, [id])
  return wasThere
}

/** Removes the entry of an id, if any. Ends the generation first, because it has to end even if the removal fails. */
const dropEntry = (self: Sync, id: string): boolean => {
  self.leases.end(id)
  self.moves++
  return self.storage.remove(id)
}
