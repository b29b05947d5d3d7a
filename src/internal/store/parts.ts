/** Checks the parts that a store is made of: what is missing, misspelt or of another kind shows where it is made. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { mistake, refuseUnknown, requireObject } from "../options/options.ts"

const kinds = {
  "a string": (part: unknown) => typeof part === "string",
  "a number": (part: unknown) => typeof part === "number",
  "a boolean": (part: unknown) => typeof part === "boolean",
  "a function": (part: unknown) => typeof part === "function",
  "an object": (part: unknown) => typeof part === "object" && part !== null,
  "an Effect": Effect.isEffect,
  "a Stream": Stream.isStream
}

/** The kind of each part: a part without its kind does not compile, nor a kind without its part. */
export type Parts<O> = { readonly [Name in keyof O]-?: keyof typeof kinds }

/** Throws a `CacheConfigError` for the first part that is unknown, of another kind, or missing though required. */
export const check = <O extends object>(
  what: string,
  given: O,
  parts: Parts<O>,
  required: ReadonlyArray<keyof O>
): void => {
  refuseUnknown(what, given, Object.keys(parts))
  requireKinds(what, given, parts, required)
}

/**
 * As `check`, where there may be more: a store that another package extends, or one that is the counters of another.
 */
export const requireKinds = <O extends object>(
  what: string,
  given: O,
  parts: Parts<O>,
  required: ReadonlyArray<keyof O> = Object.keys(parts) as Array<keyof O>
): void => {
  requireObject(what, given)
  for (const name of Object.keys(parts) as Array<keyof O & string>) {
    const part = given[name]
    if (part === undefined ? !required.includes(name) : kinds[parts[name]](part)) continue
    throw mistake(`${what} needs "${name}", ${parts[name]}`)
  }
}
