/** Parses sizes in bytes, written in the same way for all options. */
import type * as ByteSize from "effect/ByteSize"
import { mistake } from "./options.ts"

type Letter<Lower extends string> = Lower | Uppercase<Lower>
type Symbol = `${"" | `${Letter<"k" | "m" | "g" | "t">}${"" | Letter<"i">}`}${Letter<"b">}`

/**
 * A size in bytes: a number, a string with a unit like `"100 MB"`, or a `ByteSize` of Effect. Case does not matter, and
 * the space is optional: `"1 MB"`, `"1mb"` and `"1000 kB"` are a million bytes, `"1 MiB"` is 1,048,576.
 * @category models
 * @since 0.1.0
 */
export type SizeInput = ByteSize.Input | `${number}${"" | " "}${Symbol}`

// Matches `MB`, `MiB`, and Effect's names of units, like `megabytes` and `mebibytes`.
const form = /^\s*([\d.]+) *((?:[kmgtpezyrq](?:i|[a-z]{2,5})?)?b)(?:ytes?)?\s*$/i

/** Returns the number of bytes, or `undefined` if the value is not a size. */
export const bytesIn = (given: unknown): number | undefined => {
  const [, count, unit] = form.exec(given as string) ?? []
  const bytes = unit === undefined
    ? typeof given === "bigint" ? Number(given) : given as number
    // Rounded, because 1.1 MB is a whole number of bytes, but its floating-point product is not.
    : +(+count! * (/ib$/i.test(unit) ? 1024 : 1000) ** "bkmgtpezyrq".indexOf(unit[0]!.toLowerCase())).toFixed(3)
  return Number.isInteger(bytes) && bytes >= 0 ? bytes : undefined
}

export const sizeAboveZero = (name: string, given: unknown): number => {
  const bytes = bytesIn(given)
  if (bytes) return bytes
  throw mistake(`"${name}" must be a size above zero, like "100 MB"`)
}

export const wholeNumber = (name: string, value: unknown, orElse = ""): number => {
  if ((Number.isInteger(value) && value as number >= 1) || value === Infinity) return value as number
  throw mistake(
    `${name} must be a whole number of at least 1${orElse}, or Infinity for no limit, not ${
      typeof value === "string" ? `"${value}"` : String(value)
    }`
  )
}

export const bound = (name: string, given: unknown): number =>
  bytesIn(given) || wholeNumber(name, given, ", a size like \"100 MB\"")

/** Refuses a size in bytes for a memory that counts its entries. */
export const boundOfMemory = (name: string, given: unknown, isWeighed: boolean): number => {
  if (typeof given !== "string" || isWeighed) return bound(name, given)
  throw mistake(`${name} is a size, and this memory counts its entries: give its layer maxWeight with Weigher.bytes`)
}
