/** Notes which ids change during bulk calls and store requests that answer keys without a flight, in a shared list. */
import { watchedIds } from "../../defaults/bounds.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flight, Flights, Watch, Watches } from "../state.ts"

export type { Watch } from "../state.ts"

/** Makes the shared list. With `lasting`, changes are always noted, because private flights check them. */
export const make = (lasting = false): Watches => ({ count: lasting ? 1 : 0, step: 0, changedAt: new Map(), floor: 0 })

export const begin = ({ tagEpochs, watches }: Flights): Watch => {
  // `epochNow` first applies the changes by other processes that have arrived so far.
  const bornAt = TagEpochs.epochNow(tagEpochs)
  watches.count++
  return { bornAt, since: watches.step }
}

export const end = ({ watches }: Flights): void => {
  watches.count--
  if (watches.count === 0) watches.changedAt.clear()
}

export const noteChange = (self: Flights, id: string): void => {
  if (self.watches.count > 0) note(self, id, ++self.watches.step)
}

/** Notes the start of a private refresh, so that loads of the id that are already running count as older. */
export const noteRefresh = ({ watches }: Flights): void => void watches.step++

/** Notes that a private load was stored. Other flights of the id that began no later must not store their results. */
export const noteLoaded = (self: Flights, { id, since }: Flight): void => {
  self.watches.step++
  note(self, id, since + 0.5)
}

const note = ({ watches }: Flights, id: string, at: number): void => {
  const { changedAt } = watches
  // The whole list is cleared, because repeatedly removing the oldest element of a `Map` is slow.
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

/** Whether a flight's result may be stored. A private flight is not notified of changes, so it checks the list. */
export const isStorable = (self: Flights, flight: Flight): boolean =>
  flight.storable && !(self.isPrivate && hasChanged(self, flight, flight.id))

export const hasChanged = (
  { watches: { changedAt, floor } }: Flights,
  { since }: Pick<Watch, "since">,
  id: string
): boolean => (changedAt.get(id) ?? floor) > since
