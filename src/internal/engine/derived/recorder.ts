/** Records the values that caches serve inside a load. A load that reads nothing through a cache has no recorder. */
import { addAll, addLoaded, addServed, dependenciesOf } from "#platform/engine/derived/dependencies"
import type { Entry } from "../memory/entry.ts"
import { inheritOf, isLimitedByInner } from "../request/inherit.ts"
import type { Attempt, Flight, Flights, Recorder } from "../state.ts"

export const recordServed = (self: Flights, within: Attempt, entry: Entry, asOf = Infinity): void => {
  const { createdAt, expiresAt, id } = entry
  record(within, { oldestAt: createdAt, oldestId: id, endsAt: expiresAt, endsId: id }, scaleOf(within.flight))
  const dependencies = dependenciesOf(within)
  if (dependencies !== undefined) addServed(self, dependencies, entry, asOf)
}

/** Records an inner load's result and, unless that load has `inherit: false`, the values that were served inside it. */
export const recordLoaded = (within: Attempt, flight: Flight): void => {
  const { attempt: { recorder }, entry } = flight
  const scale = scaleOf(within.flight)
  if (recorder !== undefined && inheritOf(flight) !== false) record(within, recorder, scale - scaleOf(flight))
  // A value that was just loaded has no age, but its expiry may limit the outer result.
  if (entry !== undefined && within.flight !== undefined && isLimitedByInner(within.flight)) {
    record(within, { oldestAt: Infinity, oldestId: flight.id, endsAt: entry.expiresAt, endsId: flight.id }, scale)
  }
  const dependencies = dependenciesOf(within)
  if (dependencies !== undefined) addLoaded(dependencies, flight)
}

/** Adds what a batch call has recorded to the attempt of one of its keys, because one call loads all the keys. */
export const recordShared = (of: Attempt, { dependencies, recorder }: Attempt): void => {
  if (recorder !== undefined) record(of, recorder, 0)
  const own = dependencies && dependenciesOf(of)
  if (own !== undefined) addAll(own, dependencies!)
}

/** The times of a recorder are on the scale of its flight, which the wall clock does not set back (`WallTime`). */
const scaleOf = (flight: Flight | undefined): number => flight?.engine.time.setBackMillis ?? 0

/** Records a value whose times are `ahead` milliseconds behind the scale of the attempt. */
const record = (within: Attempt, one: Readonly<Recorder>, ahead: number): void => {
  const known = within.recorder ??= { ...one, oldestAt: Infinity, endsAt: Infinity }
  const oldestAt = one.oldestAt + ahead
  const endsAt = one.endsAt + ahead
  if (oldestAt < known.oldestAt) {
    known.oldestAt = oldestAt
    known.oldestId = one.oldestId
  }
  if (endsAt < known.endsAt) {
    known.endsAt = endsAt
    known.endsId = one.endsId
  }
}
