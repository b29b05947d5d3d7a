/**
 * The recorder of a load: what caches served inside it. It is made with the first such answer, so a load that reads
 * nothing through a cache has none.
 *
 * Every answer of a cache passes here with its entry, whose deadlines and tags an entry may inherit later too.
 */
import type { Entry } from "../memory/entry.ts"
import type { Attempt } from "./attempt.ts"
import type { Flight } from "./flight.ts"
import { inheritOf } from "./inherit.ts"

export interface Recorder {
  /** when the oldest value that was served was made, in epoch milliseconds */
  oldestAt: number
  /** the id of that value */
  oldestId: string
}

/** A cache has served an entry inside a load. */
export const recordServed = (within: Attempt, { createdAt, id }: Entry): void => record(within, createdAt, id)

/** The result of another load: what caches served inside that one is in it too, unless it does not inherit. */
export const recordLoaded = (within: Attempt, flight: Flight): void => {
  const { recorder } = flight.attempt
  if (recorder === undefined || inheritOf(flight) === false) return
  record(within, recorder.oldestAt, recorder.oldestId)
}

/** The results of one call are of one load. */
export const recordShared = (of: Attempt, { recorder }: Attempt): void => {
  if (recorder !== undefined) record(of, recorder.oldestAt, recorder.oldestId)
}

const record = (within: Attempt, oldestAt: number, oldestId: string): void => {
  const { recorder } = within
  if (recorder === undefined) within.recorder = { oldestAt, oldestId }
  else if (oldestAt < recorder.oldestAt) {
    recorder.oldestAt = oldestAt
    recorder.oldestId = oldestId
  }
}
