/**
 * Watches: what changes while a call for many keys runs. Such a call may answer keys that nobody asked for, and has no
 * flight of them that would be told. All calls share one list: a list for each would grow with their number, and every
 * change would be noted in each of them.
 */
import { watchedIds } from "../../defaults/bounds.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flight, Flights, Watch, Watches } from "../state.ts"

export type { Watch } from "../state.ts"

/** `lasting`: what changes is noted all the time, because private flights ask for it. */
export const make = (lasting = false): Watches => ({ count: lasting ? 1 : 0, step: 0, changedAt: new Map(), floor: 0 })

/** Begins to watch, until `end`. */
export const begin = ({ tagEpochs, watches }: Flights, evidence?: Watch["evidence"]): Watch => {
  // what other processes do is followed from here on
  const bornAt = TagEpochs.epochNow(tagEpochs)
  watches.count++
  return { bornAt, since: watches.step, evidence }
}

/** Ends one watch. The last one takes the list with it. */
export const end = ({ watches }: Flights): void => {
  watches.count--
  if (watches.count === 0) watches.changedAt.clear()
}

/** An id was written, loaded or removed, here or by another process. */
export const noteChange = (self: Flights, id: string): void => {
  if (self.watches.count > 0) note(self, id, ++self.watches.step)
}

/**
 * A private refresh begins: what loads already is older. In a store a load ends the generation of all that run beside it,
 * so there only the last one is stored.
 */
export const noteRefresh = (self: Flights, id: string): void => {
  if (self.storeTier === undefined) self.watches.step++
  else noteChange(self, id)
}

/** The result of a private flight is stored: those of flights that did not begin after it are as old, or older. */
export const noteLoaded = (self: Flights, { id, since }: Flight): void => {
  if (self.storeTier !== undefined) return noteChange(self, id)
  self.watches.step++
  note(self, id, since + 0.5)
}

const note = ({ watches }: Flights, id: string, at: number): void => {
  const { changedAt } = watches
  // all at once: a map of which the oldest is taken again and again is slow
  if (changedAt.size >= watchedIds) {
    changedAt.clear()
    watches.floor = watches.step
  }
  changedAt.set(id, Math.max(at, changedAt.get(id) ?? 0))
}

/** Anything may have changed. */
export const noteAll = ({ watches }: Flights): void => {
  if (watches.count === 0) return
  watches.floor = ++watches.step
  watches.changedAt.clear()
}

/** Whether the result of a flight may be stored. No change finds a private one in a list of flights: it looks here. */
export const isStorable = (self: Flights, flight: Flight): boolean =>
  flight.storable && !(self.isPrivate && hasChanged(self, flight, flight.id))

/** Whether an id may have changed since a watch began. */
export const hasChanged = (
  { watches: { changedAt, floor } }: Flights,
  { since }: Pick<Watch, "since">,
  id: string
): boolean => (changedAt.get(id) ?? floor) > since
