/** Targeted cache control (RFC 9213): a field for one kind of cache replaces `Cache-Control` and `Expires`. */
import { parseDictionary } from "structured-headers"
import { type Directives, directivesOf, type Fields } from "./fields.ts"

export interface Control {
  readonly directives: Directives
  readonly isTargeted: boolean
  /** Whether the response itself says it, and not the program that has made the cache. */
  readonly isOfOrigin: boolean
}

/** A field for this cache alone, in which a program says what its responses do not. It is not sent. */
export const ownField = "effect-cached-control"

/** The directives of the first of the `targets` that is present, valid and not empty; else those of `Cache-Control`. */
export const controlOf = (fields: Fields, targets: ReadonlyArray<string>): Control => {
  for (const target of targets) {
    const directives = targetedOf(fields[target])
    if (directives !== undefined) return { directives, isTargeted: true, isOfOrigin: target !== ownField }
  }
  return { directives: directivesOf(fields["cache-control"]), isTargeted: false, isOfOrigin: true }
}

const targetedOf = (value: string | undefined): Directives | undefined => {
  if (value === undefined) return undefined
  try {
    const directives = new Map<string, ReadonlyArray<string | undefined>>()
    for (const [name, [argument]] of parseDictionary(value)) {
      if (argument === false) continue
      // A number in a string is no number here: its quotes stay, so that it counts as invalid.
      const text = typeof argument === "string" && /^[0-9]/.test(argument) ? `"${argument}"` : String(argument)
      directives.set(name, [argument === true || Array.isArray(argument) ? undefined : text])
    }
    return directives.size === 0 ? undefined : directives
  } catch {
    return undefined
  }
}
