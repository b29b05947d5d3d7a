/** Sizes in bytes: one vocabulary for all options. */
import type * as ByteSize from "effect/ByteSize"
import { mistake } from "./options.ts"

type Letter<Lower extends string> = Lower | Uppercase<Lower>
type Symbol = `${"" | `${Letter<"k" | "m" | "g" | "t">}${"" | Letter<"i">}`}${Letter<"b">}`

/**
 * A size in bytes: a number, a text with a unit like `"100 MB"`, or a `ByteSize` of Effect. Case does not matter, and
 * the space may be missing: `"1 MB"`, `"1mb"` and `"1000 kB"` are a million bytes, `"1 MiB"` is 1,048,576.
 * @category models
 * @since 0.1.0
 */
export type SizeInput = ByteSize.Input | `${number}${"" | " "}${Symbol}`

// `MB`, `MiB`, and the words of Effect: `megabytes`, `mebibytes`
const form = /^\s*([\d.]+) *((?:[kmgtpezyrq](?:i|[a-z]{2,5})?)?b)(?:ytes?)?\s*$/i

/** Bytes; `undefined` for what is no size. */
export const bytesIn = (given: unknown): number | undefined => {
  const [, count, unit] = form.exec(given as string) ?? []
  const bytes = unit === undefined
    ? typeof given === "bigint" ? Number(given) : given as number
    // 1.1 MB are a whole number, but for what a product of fractions leaves
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

/** A memory that counts its entries has no bytes. */
export const boundOfMemory = (name: string, given: unknown, isWeighed: boolean): number => {
  if (typeof given !== "string" || isWeighed) return bound(name, given)
  throw mistake(`${name} is a size, and this memory counts its entries: give its layer maxWeight with Weigher.bytes`)
}
