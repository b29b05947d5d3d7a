/** Header fields: lists, directives, seconds, dates (RFC 9110, sections 5.5 to 5.6; RFC 9111, sections 1.2 and 5.2). */

/** Header fields by lower-case name. Several lines of a field are joined with `, `. */
export interface Fields {
  readonly [name: string]: string | undefined
}

export interface RequestHead {
  readonly method: string
  readonly url: string
  readonly fields: Fields
}

export interface ResponseHead {
  readonly status: number
  readonly fields: Fields
}

/** The members of a list, without empty ones. */
export const listOf = (value: string | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : membersOf(value).filter((member) => member !== "")

/** The members of what may be a list. A comma inside a quoted string separates nothing. */
export const membersOf = (value: string): ReadonlyArray<string> => {
  if (!value.includes("\"")) return value.split(",").map(trimmed)
  const members: Array<string> = []
  let start = 0
  let isQuoted = false
  for (let i = 0; i <= value.length; i++) {
    const char = value[i]
    if (isQuoted && char === "\\") i++
    else if (char === "\"") isQuoted = !isQuoted
    else if (i >= value.length || (char === "," && !isQuoted)) {
      members.push(trimmed(value.slice(start, i)))
      start = i + 1
    }
  }
  if (start < value.length && isQuoted) members.push(trimmed(value.slice(start)))
  return members
}

/** Without spaces and tabs around it; other white space is not allowed in a field. */
const trimmed = (text: string): string => {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text[start])) start++
  // Not a regular expression: one that ends with `$` takes quadratic time for blanks before it.
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

const isBlank = (char: string | undefined): boolean => char === " " || char === "\t"

/** The arguments of each directive by lower-case name: one for each time it occurs, `undefined` without one. */
export type Directives = ReadonlyMap<string, ReadonlyArray<string | undefined>>

export const noDirectives: Directives = new Map()

export const directivesOf = (value: string | undefined): Directives => {
  if (value === undefined) return noDirectives
  const directives = new Map<string, Array<string | undefined>>()
  for (const member of listOf(value)) {
    const at = member.indexOf("=")
    const name = trimmed(at < 0 ? member : member.slice(0, at)).toLowerCase()
    // A space beside `=` is not removed, so that the argument of `max-age = 5` is no number.
    const space = at > 0 && member[at - 1] === " " ? " " : ""
    const argument = at < 0 ? undefined : space + unquoted(member.slice(at + 1))
    const all = directives.get(name)
    if (all === undefined) directives.set(name, [argument])
    else all.push(argument)
  }
  return directives
}

const unquoted = (text: string): string =>
  /^"(?:[^"\\]|\\.)*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text

/** The largest number of seconds that a cache counts (RFC 9111, section 1.2.2). */
const mostSeconds = 2 ** 31

export const secondsOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[0-9]+$/.test(text) ? Math.min(Number(text), mostSeconds) : undefined

/** The seconds of a directive. The smallest one, if there are several, and 0 for what is no number of seconds. */
export const secondsIn = (directives: Directives, name: string): number | undefined => {
  const all = directives.get(name)
  return all === undefined ? undefined : Math.min(...all.map((argument) => secondsOf(argument) ?? 0))
}

/** The fields that `no-cache` or `private` names. `undefined`: none, so it is about the whole response. */
export const namesIn = (directives: Directives, name: string): ReadonlyArray<string> | undefined => {
  const all = directives.get(name)
  if (all === undefined) return []
  const names = all.flatMap((argument) => listOf(argument).map((field) => field.toLowerCase()))
  return all.includes(undefined) || names.length === 0 ? undefined : names
}

const formats = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>[a-z]{3}) (?<year>\d{4}) (?<time>[\d:]{8}) GMT$/i,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>[a-z]{3})-(?<year>\d\d) (?<time>[\d:]{8}) GMT$/i,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[a-z]{3}) (?<day>[ \d]\d) (?<time>[\d:]{8}) (?<year>\d{4})$/i
]

/**
 * The time of a date in milliseconds, in one of the three formats of RFC 9110, section 5.6.7. Nothing else is a date,
 * but upper and lower case are the same (RFC 9111, section 4.2).
 */
export const dateOf = (text: string | undefined, nowMillis: number): number | undefined => {
  if (text === undefined || text.length > 40) return undefined
  for (const format of formats) {
    const groups = format.exec(text)?.groups
    if (groups !== undefined) return timeOf(groups, nowMillis)
  }
  return undefined
}

/** The time is written again and compared, because parsers accept the 31st of June. */
const timeOf = (groups: { readonly [name: string]: string }, nowMillis: number): number | undefined => {
  const { day, month, time, year } = groups
  const text = [day!.replace(" ", "0"), month, yearOf(year!, nowMillis), time, "GMT"].join(" ")
  const millis = Date.parse(text)
  return new Date(millis).toUTCString().slice(5).toLowerCase() === text.toLowerCase() ? millis : undefined
}

/** Two digits that seem to be more than 50 years in the future are in the past. */
const yearOf = (digits: string, nowMillis: number): number | string => {
  if (digits.length === 4) return digits
  const current = new Date(nowMillis).getUTCFullYear()
  const year = current - current % 100 + Number(digits)
  return year > current + 50 ? year - 100 : year
}

const etagForm = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/

/** A well-formed entity tag, `undefined` for anything else (RFC 9110, section 8.8.3). */
export const etagOf = (value: string | undefined): string | undefined =>
  value !== undefined && etagForm.test(value) ? value : undefined

export const isStrong = (etag: string | undefined): boolean => etag?.startsWith("\"") === true

export const opaqueOf = (etag: string): string => etag.startsWith("W/") ? etag.slice(2) : etag
