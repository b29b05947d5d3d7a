/**
 * The recorder of a load: what caches served inside it. It is made with the first such answer, so a load that reads
 * nothing through a cache has none.
 *
 * Every answer of a cache passes here with its entry, whose deadlines and tags an entry may inherit later too.
 */
import { addAll, addLoaded, addServed, dependenciesOf } from "#platform/engine/derived/dependencies"
import type { Entry } from "../memory/entry.ts"
import { inheritOf, isLimitedByInner } from "../request/inherit.ts"
import type { Attempt, Flight, Flights, Recorder } from "../state.ts"

/** A cache has served an entry inside a load. */
export const recordServed = (self: Flights, within: Attempt, entry: Entry, asOf = Infinity): void => {
  const { createdAt, expiresAt, id } = entry
  record(within, { oldestAt: createdAt, oldestId: id, endsAt: expiresAt, endsId: id })
  const dependencies = dependenciesOf(within)
  if (dependencies !== undefined) addServed(self, dependencies, entry, asOf)
}

/** The result of another load: what caches served inside that one is in it too, unless it does not inherit. */
export const recordLoaded = (within: Attempt, flight: Flight): void => {
  const { attempt: { recorder }, entry } = flight
  if (recorder !== undefined && inheritOf(flight) !== false) record(within, recorder)
  // what was loaded just now is of no age, and has an end all the same
  if (entry !== undefined && within.flight !== undefined && isLimitedByInner(within.flight)) {
    record(within, { oldestAt: Infinity, oldestId: flight.id, endsAt: entry.expiresAt, endsId: flight.id })
  }
  const dependencies = dependenciesOf(within)
  if (dependencies !== undefined) addLoaded(dependencies, flight)
}

/** The results of one call are of one load. */
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
