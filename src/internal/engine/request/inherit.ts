/** What a result takes over from the values that caches served inside its load: the option `inherit`. */
import type { Inherit } from "../../../cached/options.ts"
import type { Timing } from "../../../CacheEntry.ts"
import type { Flight, Recorder } from "../state.ts"
import * as Log from "../telemetry/log.ts"
import { rulesOf } from "./rules.ts"

/** As the read says it, or else the layer. */
export const inheritOf = ({ engine, request }: Flight): Inherit => rulesOf(engine, request).inherit ?? engine.inherit

/** Whether a result ends with what its load has read. */
export const isLimitedByInner = (flight: Flight): boolean => {
  const inherit = inheritOf(flight)
  return inherit === "life" || inherit === "changes"
}

interface Life extends Pick<Timing, "createdAt" | "softExpiresAt" | "expiresAt"> {
  /** it ends no later than what its load has read */
  readonly endsWithParts?: true
}

/**
 * The life of a result that is made of what caches served, or `"skip"` where it is not stored for that. `undefined`: it
 * takes nothing over, and has the life that it has without that.
 */
export const inherited = (flight: Flight, recorder: Recorder, life: Life): Life | "skip" | undefined => {
  const inherit = inheritOf(flight)
  if (isLimitedByInner(flight)) return endingWith(flight, recorder, life)
  const { oldestAt, oldestId } = recorder
  if (oldestAt === Infinity) return undefined
  if (inherit === "refuse") return "skip"
  const age = life.createdAt - oldestAt
  if (inherit === false || age <= 0) return undefined
  const { softExpiresAt, expiresAt, createdAt } = life
  // of a sliding entry the soft deadline is the last end, and the hard one moves up to it
  const end = (flight.request.slides ? softExpiresAt : expiresAt) - age
  if (end <= createdAt) {
    if (flight.policy.writes) warnOfAge(flight, oldestId)
    return "skip"
  }
  return { createdAt: oldestAt, softExpiresAt: Math.min(softExpiresAt, end), expiresAt: Math.min(expiresAt, end) }
}

/** A life that ends with the first end of what was read. */
const endingWith = (
  { attempt: { startedAt }, engine, id, request: { key } }: Flight,
  { endsAt, endsId }: Recorder,
  { createdAt, expiresAt, softExpiresAt }: Life
): Life | "skip" | undefined => {
  if (endsAt === Infinity) return undefined
  // what was loaded inside with the same ttl ends a little earlier: not worth a line
  if (expiresAt - endsAt > createdAt - startedAt!) {
    Log.debug(engine, `"${id}" ends with "${endsId}", which its load has read`, { about: { id, key } })
  }
  if (endsAt <= createdAt) return "skip"
  return {
    createdAt,
    softExpiresAt: Math.min(softExpiresAt, endsAt),
    expiresAt: Math.min(expiresAt, endsAt),
    endsWithParts: true
  }
}

/** Logs once per key class that results are not stored because of their age, which would otherwise go unnoticed. */
const warnOfAge = ({ engine, id, request: { key } }: Flight, oldestId: string): void => {
  const about: Log.About = { id, key }
  Log.warnOnce(
    engine,
    `age ${Log.topicOf(about)}`,
    `The result of "${id}" is not cached: its load was served "${oldestId}", which is older than its ttl. ` +
      `Use inherit: "life" (logged once a key class or cause)`,
    { about }
  )
}
