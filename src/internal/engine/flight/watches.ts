/**
 * Watches: what changes while a call for many keys runs. Such a call may answer keys that nobody asked for, and has no
 * flight of them that would be told.
 */
import { watchedIds } from "../../defaults.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flights } from "./flights.ts"

export interface Watch {
  /** the tag epoch when it began */
  readonly bornAt: number
  /** the ids that were written, loaded or removed since */
  readonly changed: Set<string>
  /** all ids may have changed since */
  isAll: boolean
}

/** Begins to watch, until `end`. */
export const begin = (self: Flights): Watch => {
  // what other processes do is followed from here on
  const watch: Watch = { bornAt: TagEpochs.epochNow(self.tagEpochs), changed: new Set(), isAll: false }
  self.watches.add(watch)
  return watch
}

export const end = (self: Flights, watch: Watch): void => void self.watches.delete(watch)

/** An id was written, loaded or removed, here or by another process. */
export const noteChange = (self: Flights, id: string): void => {
  if (self.watches.size === 0) return
  for (const watch of self.watches) {
    if (watch.isAll) continue
    watch.changed.add(id)
    if (watch.changed.size > watchedIds) watchAll(watch)
  }
}

/** Anything may have changed. */
export const noteAll = (self: Flights): void => {
  for (const watch of self.watches) watchAll(watch)
}

const watchAll = (watch: Watch): void => {
  watch.isAll = true
  watch.changed.clear()
}

/** Whether an id may have changed since the watch began. */
export const hasChanged = ({ changed, isAll }: Watch, id: string): boolean => isAll || changed.has(id)
