/**
 * Durations, such as TTLs: the forms in which users write them, and their conversion to milliseconds.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import { CacheConfigError } from "./CacheError.ts"

type Millis = `${number}ms`
type Seconds = `${number}s${Millis | ""}` | Millis
type Minutes = `${number}m${Seconds | ""}` | Seconds
type Hours = `${number}h${Minutes | ""}` | Minutes
type Days = `${number}d${Hours | ""}` | Hours

/**
 * A compact duration, as in URLs and configuration: `"250ms"`, `"10m"`, `"1d12h"`. Each of the units `w d h m s ms`
 * occurs at most once, from the largest to the smallest.
 * @category models
 * @since 0.1.0
 */
type Compact = `${number}w${Days | ""}` | Days

/**
 * The type of every option that is a duration: a {@link Compact} text, or any `Duration.Input` of Effect. A bare number
 * is in milliseconds.
 *
 * **Example** (Writing ten minutes)
 *
 * ```ts
 * import { Duration } from "effect"
 * import { Ttl } from "effect-cached/adapters"
 *
 * const same: ReadonlyArray<Ttl.Input> = ["10m", "10 minutes", 600_000, { minutes: 10 }, Duration.minutes(10)]
 * same.map((ttl) => Ttl.toMillis(ttl)) // => [600_000, 600_000, 600_000, 600_000, 600_000]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Input = Duration.Input | Compact

const units: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1
}

/**
 * Parses a duration from text. Throws a `CacheConfigError` if any part of the text is not understood.
 *
 * **When to use**
 *
 * Use for text from URLs, headers and configuration.
 *
 * **Details**
 *
 * - `"1d2h3m50s"`, `"1.5h"` or `"250ms"`: each of the units `w d h m s ms` at most once, from the largest to the
 *   smallest, in lower or upper case
 * - any string that `Duration.Input` accepts, such as `"10 minutes"` or `"Infinity"`
 *
 * **Example** (Parsing durations)
 *
 * ```ts
 * import { Duration } from "effect"
 * import { Ttl } from "effect-cached/adapters"
 *
 * Duration.toMillis(Ttl.parse("1d2h3m50s")) // => 93830000
 * Duration.toMillis(Ttl.parse("90 seconds")) // => 90000
 * ```
 *
 * @see {@link toMillis} for converting the value of an option
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Duration.Duration => {
  if (typeof text !== "string") {
    throw new CacheConfigError({
      message: `Ttl.parse cannot parse a value of type ${typeof text}: pass text like "1d2h3m50s"`
    })
  }
  try {
    return fromText(text)
  } catch {
    return notADuration(text)
  }
}

const fromText = (text: string): Duration.Duration => {
  const millis = compactMillis(text)
  return millis === undefined ? Duration.fromInputUnsafe(text as Duration.Input) : Duration.millis(millis)
}

/** Converts a compact duration to milliseconds. Returns `undefined` for any other text. */
const compactMillis = (text: string): number | undefined => {
  const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ms|[wdhms])/gi))
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined
  let total = 0
  let above = Infinity
  for (const [, count, name] of parts) {
    const unit = units[name!.toLowerCase()]!
    if (unit >= above) return undefined
    above = unit
    total += Number(count) * unit
  }
  return total
}

const notADuration = (text: string): never => {
  throw new CacheConfigError({
    message: `"${text}" is not a duration: write it like "1d2h3m50s", "90s" or "10 minutes"`
  })
}

// Parsed durations, by their text, because parsing is slow (a regular expression) and a program uses few texts.
const parsed = new Map<string, number>()
// The text that was converted last. If reads extend entries, each hit converts a duration, usually the same one again.
let lastText: string | undefined
let lastMillis = 0

/**
 * Converts a duration, which may be infinite, to milliseconds. Invalid input throws a `CacheConfigError` that names the
 * option as `what`. `NaN` is invalid too, although Effect treats it as zero.
 *
 * **When to use**
 *
 * Use for duration options of your own: the function accepts the same input as every duration option of this library.
 *
 * **Example** (Converting a duration)
 *
 * ```ts
 * import { Ttl } from "effect-cached/adapters"
 *
 * Ttl.toMillis("10 minutes") // => 600_000
 * Ttl.toMillis("1d12h") // => 129_600_000
 * ```
 *
 * @see {@link parse} for text from outside the program
 * @category converting
 * @since 0.1.0
 */
export const toMillis = (input: Input, what = "ttl"): number => {
  if (typeof input === "string") return input === lastText ? lastMillis : remembered(input, what)
  if (typeof input === "number" && !Number.isNaN(input)) return input
  return convert(input, what)
}

const remembered = (input: Input & string, what: string): number => {
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

const advice = `Write it like "10m", "10 minutes", 500 (milliseconds) or Duration.hours(1)`

const convert = (input: Input, what: string): number => {
  if (input === undefined) throw new CacheConfigError({ message: `${what} is missing. ${advice}` })
  if (Duration.isDuration(input)) return Duration.toMillis(input)
  const stranger = strangerOf(input)
  if (stranger !== undefined) throw noDuration(what, stranger)
  try {
    return Duration.toMillis(typeof input === "string" ? fromText(input) : Duration.fromInputUnsafe(input))
  } catch {
    throw noDuration(
      what,
      typeof input === "string" ? `"${input}"` : input === null ? "null" : `a value of type ${typeof input}`
    )
  }
}

const noDuration = (what: string, given: string): CacheConfigError =>
  new CacheConfigError({ message: `${what} is not a duration: ${given}. ${advice}` })

const namesOfUnits: ReadonlyArray<string> = [
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
]

/** Describes input that Effect treats as zero, although it must be a mistake. Returns `undefined` for other input. */
const strangerOf = (input: unknown): string | undefined => {
  if (Number.isNaN(input)) return "NaN"
  if (typeof input !== "object" || input === null) return undefined
  if (Array.isArray(input)) return input.some(Number.isNaN) ? "NaN" : undefined
  if (input instanceof Promise) return "a Promise"
  if (input instanceof Date) return "a Date"
  const parts = input as { readonly [unit: string]: unknown }
  const unknown = Object.keys(parts).find((name) => !namesOfUnits.includes(name))
  if (unknown !== undefined) return `an object with "${unknown}", which is none of ${namesOfUnits.join(", ")}`
  const given = namesOfUnits.map((name) => parts[name]).filter((part) => part !== undefined)
  if (given.length === 0) return "an empty object"
  if (given.some(Number.isNaN)) return "NaN"
  return given.every((part) => typeof part === "number") ? undefined : "an object with a part that is not a number"
}
