/** Checks options, and describes mistakes in them. */
import { CacheConfigError } from "../../CacheError.ts"
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import { longestNameOfCache } from "../defaults/bounds.ts"

export const mistake = (message: string): CacheConfigError => new CacheConfigError({ message })

export const refuseUnless: (holds: boolean, message: string) => asserts holds = (holds, message) => {
  if (!holds) throw mistake(message)
}

export const requireObject = (what: string, options: unknown, example = "an object"): void => {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return
  throw mistake(`${what} needs options: pass ${example}`)
}

/** An option that is there and undefined has the value of a variable that is not set, so its default is not meant. */
export const refuseUndefined = (what: string, options: object, name: string): void =>
  refuseUnless(
    !(name in options) || (options as Record<string, unknown>)[name] !== undefined,
    `${what}: "${name}" is there and undefined, as if a variable were not set: set it, or leave "${name}" out`
  )

export const positiveMillis = (name: string, input: Ttl.Input): number => {
  const millis = toMillis(input, name)
  if (millis > 0) return millis
  throw mistake(`${name} must be longer than 0, not ${millis} ms`)
}

export const millisOrZero = (name: string, input: Ttl.Input): number => {
  const millis = toMillis(input, name)
  if (millis >= 0) return millis
  throw mistake(`${name} must be at least 0, not ${millis} ms`)
}

/** Throws for a value that is not a list. A string is iterable, but its characters are not the intended elements. */
export const requireList = (what: string, given: unknown, element: string): void => {
  if (typeof given === "object" && given !== null && Symbol.iterator in given) return
  throw mistake(`${what} needs a list: for one ${element} pass [${element}]`)
}

export const inCall = (call: string, thrown: unknown): unknown =>
  thrown instanceof CacheConfigError ? mistake(`${call}: ${thrown.message}`) : thrown

export const within = <A>(call: string, check: () => A): A => {
  try {
    return check()
  } catch (thrown) {
    throw inCall(call, thrown)
  }
}

/** Joins lists of names. Used instead of a spread, because bundlers drop an unused call, but not an unused spread. */
export const namesIn = (...lists: ReadonlyArray<Iterable<string>>): ReadonlySet<string> =>
  new Set(lists.flatMap((list) => Array.from(list)))

/** Throws for the first option not in `known`. For options of other cache libraries, `homes` has the hint to show. */
export const refuseUnknown = (
  what: string,
  options: object,
  known: ReadonlySet<string> | ReadonlyArray<string>,
  homes?: { readonly [option: string]: string }
): void => {
  const [first] = known
  requireObject(what, options, `{ ${first}: … }`)
  const unknown = unknownOf(options, known)
  if (unknown !== undefined) throw mistake(`${what} has ${noOption(unknown, known, homes?.[unknown])}`)
}

export const unknownOf = (options: object, known: ReadonlySet<string> | ReadonlyArray<string>): string | undefined =>
  Object.keys(options).find((option) => !("has" in known ? known.has(option) : known.includes(option)))

export const noOption = (
  option: string,
  known: ReadonlySet<string> | ReadonlyArray<string>,
  home?: string | undefined
): string => {
  const names = Array.from(known)
  const near = nearest(option, names)
  const hint = home ?? (near && `did you mean "${near}"?`)
  return `no option "${option}": ${hint === undefined ? "use" : `${hint} Use`} one of ${names.join(", ")}`
}

/** Finds the name that was probably meant, with at most a third of its letters wrong, missing or added. */
export const nearest = (given: string, names: ReadonlyArray<string>): string | undefined => {
  let best: string | undefined
  let least = Math.floor(given.length / 3) + 1
  for (const name of names) {
    const distance = distanceOf(given.toLowerCase(), name.toLowerCase())
    if (distance < least) [best, least] = [name, distance]
  }
  return best
}

/** Counts letters to add, remove, replace or swap with the next, to turn `a` into `b` (optimal string alignment). */
const distanceOf = (a: string, b: string): number => {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same)
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (exchanged) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

/** Whether a value is a list of strings. A single string is not, although it is iterable. */
export const isListOfText = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((one) => typeof one === "string")

/** Throws a `CacheConfigError` for a wrong value. `of` names the function or layer; `beside` holds all options. */
type Check<A> = (given: A, of: string, beside?: object) => void

/** A check for each option. An option without a check does not compile, and neither does a check without an option. */
export type Checks<O> = { readonly [Name in keyof O]-?: Check<O[Name]> }

export const optional = <A>(check: Check<A>): Check<A | undefined> => (given, of, beside) => {
  if (given !== undefined) check(given, of, beside)
}

export const isFlag = (name: string): Check<boolean | undefined> =>
  optional((given, of) => refuseUnless(typeof given === "boolean", `${name} of ${of} must be true or false`))

export const positiveCount = (name: string): Check<number | undefined> =>
  optional((given, of) => {
    if (Number.isInteger(given) && given > 0) return
    throw mistake(`${name} of ${of} must be a whole number of at least 1, not ${given}`)
  })

/** Checks the name of a cache, which is a label of metrics and an annotation of log lines. */
export const nameOfCache: Check<string | undefined> = (name, of) => {
  if (name === undefined) return
  if (typeof name !== "string" || name === "") throw mistake(`name of ${of} must be a text that is not empty`)
  if (name.length <= longestNameOfCache && !/\p{Cc}/u.test(name)) return
  throw mistake(`name of ${of} must have at most ${longestNameOfCache} characters, and no control characters`)
}

export const checkAll = <O extends object>(of: string, options: O, checks: Checks<O>): void => {
  for (const name of Object.keys(checks) as Array<keyof O>) checks[name](options[name], of, options)
}

/** Like `checkAll`, but checks only options that are given and have a check. This runs on every miss of the cache. */
export const checkGiven = <O extends object>(
  of: string,
  options: O,
  checks: { readonly [Name in keyof O]?: Check<O[Name]> }
): void => {
  // Only own properties are checks: every object has a `constructor`, and programs may extend `Object.prototype`.
  for (const name in options) if (Object.hasOwn(checks, name)) checks[name]!(options[name], of, options)
}

// The names are cached, because guards are created on each call.
const namesOfChecks = new WeakMap<object, ReadonlySet<string>>()

const namesOf = (checks: object): ReadonlySet<string> => {
  const names = namesOfChecks.get(checks) ?? new Set(Object.keys(checks))
  namesOfChecks.set(checks, names)
  return names
}

export const checkOptions = <O extends object>(of: string, options: O, checks: Checks<O>): void => {
  refuseUnknown(of, options, namesOf(checks))
  checkAll(of, options, checks)
}

/** Returns the result of a user's condition. Throws for a promise, which would be truthy whatever it resolves to. */
export const answerOf = (name: string, answer: unknown): boolean => {
  if (typeof answer === "boolean") return answer
  throw mistake(
    `${name} must return true or false, not ${
      answer instanceof Promise ? "a Promise" : answer === undefined ? "nothing" : `a value of type ${typeof answer}`
    }`
  )
}

export const requireType = (
  what: string,
  options: object,
  names: ReadonlyArray<string>,
  type: "string" | "function"
): void => {
  requireObject(what, options)
  for (const name of names) {
    if (typeof (options as Record<string, unknown>)[name] === type) continue
    throw mistake(`${what} needs "${name}", a ${type}`)
  }
}
