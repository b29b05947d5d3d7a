/** Records the values that caches serve inside a load. A load that reads nothing through a cache has no recorder. */
import { addAll, addLoaded, addServed, dependenciesOf } from "#platform/engine/derived/dependencies"
import type { Entry } from "../memory/entry.ts"
import { inheritOf, isLimitedByInner } from "../request/inherit.ts"
import type { Attempt, Flight, Flights, Recorder } from "../state.ts"

export const recordServed = (self: Flights, within: Attempt, entry: Entry, asOf = Infinity): void => {
  const { createdAt, expiresAt, id } = entry
  record(within, { oldestAt: createdAt, oldestId: id, endsAt: expiresAt, endsId: id })
  const dependencies = dependenciesOf(within)
  if (dependencies !== undefined) addServed(self, dependencies, entry, asOf)
}

/** Records an inner load's result and, unless that load has `inherit: false`, the values that were served inside it. */
export const recordLoaded = (within: Attempt, flight: Flight): void => {
  const { attempt: { recorder }, entry } = flight
  if (recorder !== undefined && inheritOf(flight) !== false) record(within, recorder)
  // A value that was just loaded has no age, but its expiry may limit the outer result.
  if (entry !== undefined && within.flight !== undefined && isLimitedByInner(within.flight)) {
    record(within, { oldestAt: Infinity, oldestId: flight.id, endsAt: entry.expiresAt, endsId: flight.id })
  }
  const dependencies = dependenciesOf(within)
  if (dependencies !== undefined) addLoaded(dependencies, flight)
}

/** Adds what a batch call has recorded to the attempt of one of its keys, because one call loads all the keys. */
export const recordShared = (of: Attempt, { dependencies, recorder }: Attempt): void => {
  if (recorder !== undefined) record(of, recorder)
  const own = dependencies && dependenciesOf(of)
  if (own !== undefined) addAll(own, dependencies!)
}

const record = (within: Attempt, one: Readonly<Recorder>): void => {
  const known = within.recorder ??= { ...one }
  if (one.oldestAt < known.oldestAt) {
    known.oldestAt = one.oldestAt
    known.oldestId = one.oldestId
  }
  if (one.endsAt < known.endsAt) {
    known.endsAt = one.endsAt
    known.endsId = one.endsId
  }
}
