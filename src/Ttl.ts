/**
 * Lifetimes: the forms in which users write them, and the milliseconds they become.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import { CacheConfigError } from "./CacheError.ts"

const units: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1
}

/**
 * Parses a compact duration, as URLs and configuration write it.
 *
 * **Details**
 *
 * - `"1d2h3m50s"`, `"1.5h"` or `"250ms"`: each of the units `w d h m s ms` at most once, from the largest to the
 *   smallest, in lower or upper case
 * - `"90"`: a number of seconds
 * - any string that `Duration.Input` accepts, such as `"10 minutes"` or `"Infinity"`
 *
 * Text that does not parse completely throws a `CacheConfigError`.
 *
 * **Example** (Parsing durations)
 *
 * ```ts
 * import { Duration } from "effect"
 * import { Ttl } from "effect-cached"
 *
 * Duration.toMillis(Ttl.parse("1d2h3m50s")) // => 93830000
 * Duration.toMillis(Ttl.parse("90")) // => 90000
 * ```
 *
 * @see {@link toMillis} for a `Duration.Input`
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Duration.Duration => {
  if (typeof text !== "string") {
    throw new CacheConfigError({ message: `Ttl.parse got a value of type ${typeof text}: pass text like "1d2h3m50s"` })
  }
  if (/^\d+(\.\d+)?$/.test(text)) return Duration.millis(Number(text) * 1000)
  const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ms|[wdhms])/gi))
  if (parts.length > 0 && parts.map((part) => part[0]).join("") === text) {
    let total = 0
    let above = Infinity
    for (const part of parts) {
      const unit = units[part[2]!.toLowerCase()]!
      if (unit >= above) return notADuration(text)
      above = unit
      total += Number(part[1]) * unit
    }
    return Duration.millis(total)
  }
  try {
    return Duration.fromInputUnsafe(text as Duration.Input)
  } catch {
    return notADuration(text)
  }
}

const notADuration = (text: string): never => {
  throw new CacheConfigError({
    message: `"${text}" is not a duration: write it like "1d2h3m50s", "90" (seconds) or "10 minutes"`
  })
}

// `Duration.fromInputUnsafe("10 minutes")` runs a regular expression; programs use few different strings
const parsed = new Map<string, number>()
// with a strategy whose reads move a deadline every hit asks, mostly about the same duration
let lastText: string | undefined
let lastMillis = 0

/**
 * Converts a `Duration.Input` to milliseconds, `Infinity` included.
 *
 * **Details**
 *
 * Input that is no duration throws a `CacheConfigError` that names `what`. So does `NaN`, which Effect itself takes for
 * zero.
 *
 * **Example** (Converting a duration)
 *
 * ```ts
 * import { Ttl } from "effect-cached"
 *
 * Ttl.toMillis("10 minutes") // => 600_000
 * ```
 *
 * @see {@link parse} for compact durations
 *
 * @category converting
 * @since 0.1.0
 */
export const toMillis = (input: Duration.Input, what = "ttl"): number => {
  if (typeof input === "string") return input === lastText ? lastMillis : remembered(input, what)
  if (typeof input === "number" && !Number.isNaN(input)) return input
  return convert(input, what)
}

const remembered = (input: Duration.Input & string, what: string): number => {
  let millis = parsed.get(input)
  if (millis === undefined) {
    millis = convert(input, what)
    if (parsed.size >= 1000) parsed.clear()
    parsed.set(input, millis)
  }
  lastText = input
  lastMillis = millis
  return millis
}

const advice = `Write it like "10 minutes", 500 (milliseconds) or Duration.hours(1)`

const convert = (input: Duration.Input, what: string): number => {
  if (input === undefined) throw new CacheConfigError({ message: `${what} is missing. ${advice}` })
  if (hasNaN(input)) throw new CacheConfigError({ message: `${what} is not a duration: NaN. ${advice}` })
  try {
    return Duration.toMillis(Duration.fromInputUnsafe(input))
  } catch {
    throw new CacheConfigError({
      message: `${what} is not a duration: ${typeof input === "string" ? `"${input}"` : typeof input}. ${advice}`
    })
  }
}

const hasNaN = (input: unknown): boolean =>
  typeof input === "number"
    ? Number.isNaN(input)
    : typeof input === "object" && input !== null && !Duration.isDuration(input) && Object.values(input).some(hasNaN)
