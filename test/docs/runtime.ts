/** What a block with assertions calls when it runs. Loaded before it with `--import`. */
import * as Equal from "effect/Equal"
import { inspect, isDeepStrictEqual } from "node:util"

type Values = ReadonlyArray<unknown>

const unreached = new Set<string>()
const failures: Array<string> = []

const print = (values: Values): string =>
  values.map((value) => typeof value === "string" ? value : inspect(value, { depth: null, breakLength: Infinity }))
    .join(" ")

const normal = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("\"", "'")

const equals = (values: Values, expected: (() => Values) | undefined): boolean => {
  try {
    const wanted = expected?.()
    return wanted !== undefined && (isDeepStrictEqual(values, wanted) || Equal.equals(values[0], wanted[0])) &&
      values.length === wanted.length
  } catch {
    // Not an expression of this block, but a printed word.
    return false
  }
}

const is = (values: Values, expected: (() => Values) | undefined, text: string, place: string): Values => {
  unreached.delete(place)
  if (!equals(values, expected) && normal(print(values)) !== normal(text)) {
    failures.push(`${place}: expected ${text}, got ${print(values)}`)
  }
  return values
}

Object.assign(globalThis, {
  __is: is,
  __places: (places: ReadonlyArray<string>) => places.forEach((place) => unreached.add(place))
})

process.on("exit", () => {
  for (const place of unreached) failures.push(`${place}: this "// =>" was never reached`)
  if (failures.length === 0) return
  process.stderr.write(`${failures.join("\n")}\n`)
  process.exitCode = 1
})
