/** Freshness and age (RFC 9111, section 4.2; RFC 5861; RFC 8246). */
import { clocks } from "../../internal/defaults/processes.ts"
import * as Field from "./fields.ts"
import { isHeuristic, type Mode } from "./storing.ts"
import type { Control } from "./targeted.ts"

/** How the fields of a response allow its reuse, in seconds. Computed once, when the response is stored. */
export interface Freshness {
  readonly lifetime: number
  readonly initialAge: number
  /** The origin's time of the response in milliseconds, or that of its arrival. */
  readonly date: number
  readonly noCache: boolean
  readonly mustRevalidate: boolean
  readonly immutable: boolean
  readonly whileRevalidate: number
  readonly ifError: number
}

export interface Times {
  readonly requestTime: number
  readonly responseTime: number
}

export const freshnessOf = (
  mode: Mode,
  { fields, status }: Field.ResponseHead,
  { directives, isTargeted }: Control,
  times: Times
): Freshness => {
  const date = Field.dateOf(fields["date"], times.responseTime) ?? times.responseTime
  const shared = mode === "shared"
  const explicit = (shared ? Field.secondsIn(directives, "s-maxage") : undefined) ??
    Field.secondsIn(directives, "max-age") ??
    (isTargeted ? undefined : expiresIn(fields["expires"], date, times.responseTime))
  return {
    lifetime: explicit ?? heuristicOf(status, fields, directives, date),
    initialAge: initialAgeOf(fields["age"], date, times),
    date,
    noCache: directives.has("no-cache") && Field.namesIn(directives, "no-cache") === undefined,
    // `s-maxage` forbids it to a shared cache. A private cache keeps to it too, to be on the safe side.
    mustRevalidate: directives.has("must-revalidate") || directives.has("s-maxage") ||
      directives.has("proxy-revalidate"),
    immutable: directives.has("immutable"),
    whileRevalidate: Field.secondsIn(directives, "stale-while-revalidate") ?? 0,
    ifError: Field.secondsIn(directives, "stale-if-error") ?? 0
  }
}

/** An invalid date, such as `0`, has expired. */
const expiresIn = (value: string | undefined, date: number, now: number): number | undefined =>
  value === undefined ? undefined : Math.max(0, ((Field.dateOf(value, now) ?? 0) - date) / 1000)

const aDay = 86_400

/** A tenth of the time since the last change, at most a day (section 4.2.2). */
const heuristicOf = (status: number, fields: Field.Fields, directives: Field.Directives, date: number): number => {
  const changed = Field.dateOf(fields["last-modified"], date)
  if (changed === undefined || !(isHeuristic(status) || directives.has("public"))) return 0
  return Math.min(aDay, Math.max(0, Math.floor((date - changed) / 10_000)))
}

/** The first member of `Age` counts. An invalid one is ignored (section 5.1). */
const initialAgeOf = (value: string | undefined, date: number, { requestTime, responseTime }: Times): number => {
  const given = Field.secondsOf(Field.listOf(value)[0]) ?? 0
  const apparent = Math.max(0, (responseTime - date) / 1000)
  return Math.max(apparent, given + Math.max(0, responseTime - requestTime) / 1000)
}

/** The largest age (RFC 9111, section 1.2.2). */
const oldest = 2_147_483_648

/** If a response seems to have arrived in the future, the clock was set back, and the response may be of any age. */
export const ageOf = ({ initialAge, responseTime }: Freshness & Times, now: number): number =>
  responseTime - now > clocks.aheadMillis ? oldest : initialAge + Math.max(0, now - responseTime) / 1000

/** How long a response is worth keeping, in milliseconds: while it is fresh, may be served stale, and `keep` longer. */
export const usableMillis = (self: Freshness, keepMillis: number): number =>
  Math.max(0, self.lifetime - self.initialAge + Math.max(self.whileRevalidate, self.ifError)) * 1000 + keepMillis
