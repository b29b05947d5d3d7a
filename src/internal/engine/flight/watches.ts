/** Watches: changes during bulk calls, which may answer more keys than have a flight. All calls share one list. */
import { watchedIds } from "../../defaults/bounds.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flight, Flights, Watch, Watches } from "../state.ts"

export type { Watch } from "../state.ts"

/** `lasting`: changes are noted all the time, for private flights. */
export const make = (lasting = false): Watches => ({ count: lasting ? 1 : 0, step: 0, changedAt: new Map(), floor: 0 })

export const begin = ({ tagEpochs, watches }: Flights, evidence?: Watch["evidence"]): Watch => {
  // Changes of other processes are tracked from here on.
  const bornAt = TagEpochs.epochNow(tagEpochs)
  watches.count++
  return { bornAt, since: watches.step, evidence }
}

export const end = ({ watches }: Flights): void => {
  watches.count--
  if (watches.count === 0) watches.changedAt.clear()
}

export const noteChange = (self: Flights, id: string): void => {
  if (self.watches.count > 0) note(self, id, ++self.watches.step)
}

/** Notes the start of a private refresh, which makes running loads outdated. */
export const noteRefresh = (self: Flights, id: string): void => {
  if (self.storeTier === undefined) self.watches.step++
  else noteChange(self, id)
}

/** Flights that did not begin later than a stored private one have results as old or older. */
export const noteLoaded = (self: Flights, { id, since }: Flight): void => {
  if (self.storeTier !== undefined) return noteChange(self, id)
  self.watches.step++
  note(self, id, since + 0.5)
}

const note = ({ watches }: Flights, id: string, at: number): void => {
  const { changedAt } = watches
  // All at once, because removing the oldest element of a map again and again is slow.
  if (changedAt.size >= watchedIds) {
    changedAt.clear()
    watches.floor = watches.step
  }
  changedAt.set(id, Math.max(at, changedAt.get(id) ?? 0))
}

export const noteAll = ({ watches }: Flights): void => {
  if (watches.count === 0) return
  watches.floor = ++watches.step
  watches.changedAt.clear()
}

/** Changes cannot mark private flights, so these check the watches. */
export const isStorable = (self: Flights, flight: Flight): boolean =>
  flight.storable && !(self.isPrivate && hasChanged(self, flight, flight.id))

export const hasChanged = (
  { watches: { changedAt, floor } }: Flights,
  { since }: Pick<Watch, "since">,
  id: string
): boolean => (changedAt.get(id) ?? floor) > since
