/** Weighs entries with the user's weigher. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { CacheConfigError } from "../../../CacheError.ts"
import type { Weigher } from "../../../ports/weigher.ts"
import * as Log from "../telemetry/log.ts"
import { classOf } from "../telemetry/stats.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"
import type { Entry } from "./entry.ts"

/** Turns a weigher into a function that returns `undefined` if the weigher throws or returns an invalid weight. */
export const weighWith = (weigher: Weigher, telemetry: () => Telemetry) => (entry: Entry): number | undefined => {
  const { counters, exit, id } = entry
  const self = telemetry()
  try {
    const weighed = { id, keyClass: classOf(self, counters), entryBytes: entry.bytes }
    const weight = weigher(Exit.isSuccess(exit) ? exit.value : exit.cause, weighed)
    if (typeof weight === "number" && weight > 0) return Math.ceil(weight)
    throw new CacheConfigError({ message: `A weight must be above zero, not ${String(weight)}` })
  } catch (defect) {
    counters.notStored++
    Log.warnOnce(
      self,
      "weigher",
      `The weigher failed for "${id}" (see the cause): the entry is not kept in memory`,
      { other: id, cause: Cause.die(defect) }
    )
    return undefined
  }
}
