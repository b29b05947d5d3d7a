/** Weighs entries with the weigher of a user. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { CacheConfigError } from "../../../CacheError.ts"
import type { Weigher } from "../../../ports/weigher.ts"
import * as Log from "../telemetry/log.ts"
import { classOf } from "../telemetry/stats.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"
import type { Entry } from "./entry.ts"

/** An entry with its place in memory: a `Map` has one place an entry when it is full, and up to four where some have left. */
const bytesOfEntry = 200
/** what only some entries have: the name of a write, terms that are no other entry's, a list of tags, each beside its text */
const bytesOfWriteId = 48
const bytesOfTerms = 184
const bytesOfTags = 48
const bytesOfTag = 28

/** The bytes of an entry besides its id and its value. */
const bytesOf = ({ isFirst, tags, writeId }: Entry): number => {
  let bytes = bytesOfEntry
  if (writeId !== undefined) bytes += bytesOfWriteId
  if (isFirst) bytes += bytesOfTerms
  if (tags.length > 0) bytes += bytesOfTags
  for (const tag of tags) bytes += bytesOfTag + tag.length
  return bytes
}

/** What an entry weighs; `undefined` where the weigher throws, or answers no weight. */
export const weighWith = (weigher: Weigher, telemetry: () => Telemetry) => (entry: Entry): number | undefined => {
  const { counters, exit, id } = entry
  const self = telemetry()
  try {
    const weighed = { id, keyClass: classOf(self, counters), entryBytes: bytesOf(entry) }
    const weight = weigher(Exit.isSuccess(exit) ? exit.value : exit.cause, weighed)
    if (typeof weight === "number" && weight > 0) return Math.ceil(weight)
    throw new CacheConfigError({ message: `A weight is above zero, not ${String(weight)}` })
  } catch (defect) {
    counters.notStored++
    Log.warnOnce(
      self,
      "weigher",
      `The weigher failed for "${id}" (see the cause): it is not kept in memory`,
      {
        cause: Cause.die(defect)
      }
    )
    return undefined
  }
}
