/** The `inherit` option: limits a result's lifetime by those of the cached values that its load has read. */
import type { Inherit } from "../../../cached/options.ts"
import type { Timing } from "../../../CacheEntry.ts"
import type { Flight, Recorder } from "../state.ts"
import * as Log from "../telemetry/log.ts"
import { rulesOf } from "./rules.ts"

export const inheritOf = ({ engine, request }: Flight): Inherit => rulesOf(engine, request).inherit ?? engine.inherit

/** Whether the result expires no later than the cached values that its load has read. */
export const isLimitedByInner = (flight: Flight): boolean => {
  const inherit = inheritOf(flight)
  return inherit === "life" || inherit === "changes"
}

interface Life extends Pick<Timing, "createdAt" | "softExpiresAt" | "expiresAt"> {
  readonly endsWithParts?: true
}

/** The inherited lifetime. `"skip"`: do not store the result. `undefined`: the result keeps its own lifetime. */
export const inherited = (flight: Flight, recorder: Recorder, life: Life): Life | "skip" | undefined => {
  const inherit = inheritOf(flight)
  if (isLimitedByInner(flight)) return endingWith(flight, recorder, life)
  const { oldestId } = recorder
  const oldestAt = recorder.oldestAt - flight.engine.time.setBackMillis
  if (oldestAt === Infinity) return undefined
  if (inherit === "refuse") return "skip"
  const age = life.createdAt - oldestAt
  if (inherit === false || age <= 0) return undefined
  const { softExpiresAt, expiresAt, createdAt } = life
  // For a sliding entry, the soft deadline is the final expiry, up to which reads can move the hard deadline.
  const end = (flight.request.slides ? softExpiresAt : expiresAt) - age
  if (end <= createdAt) {
    if (flight.policy.writes) warnOfAge(flight, oldestId)
    return "skip"
  }
  return { createdAt: oldestAt, softExpiresAt: Math.min(softExpiresAt, end), expiresAt: Math.min(expiresAt, end) }
}

const endingWith = (
  { attempt: { startedAt }, engine, id, request: { key } }: Flight,
  { endsAt: ends, endsId }: Recorder,
  { createdAt, expiresAt, softExpiresAt }: Life
): Life | "skip" | undefined => {
  const endsAt = ends - engine.time.setBackMillis
  if (endsAt === Infinity) return undefined
  // If the inner value has the same ttl, it expires slightly before this result. That is not worth logging.
  if (expiresAt - endsAt > createdAt - startedAt!) {
    Log.debug(engine, `"${id}" ends with "${endsId}", which its load has read`, { about: { id, key }, other: endsId })
  }
  if (endsAt <= createdAt) return "skip"
  return {
    createdAt,
    softExpiresAt: Math.min(softExpiresAt, endsAt),
    expiresAt: Math.min(expiresAt, endsAt),
    endsWithParts: true
  }
}

/** Warns once per key class that a result is not stored: its load has read a value older than the result's ttl. */
const warnOfAge = ({ engine, id, request: { key } }: Flight, oldestId: string): void => {
  const about: Log.About = { id, key }
  Log.warnOnce(
    engine,
    `age ${Log.topicOf(about)}`,
    `The result of "${id}" is not cached: its load was served "${oldestId}", which is older than its ttl. ` +
      `Use inherit: "life" (logged once a key class or cause)`,
    { about, other: oldestId }
  )
}
