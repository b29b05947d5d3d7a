/** Checks the parts of a store when it is created, so that a missing, misspelled or unsuitable part is reported. */
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

/** The kind of each part. A part without a kind does not compile, and neither does a kind without a part. */
export type Parts<O> = { readonly [Name in keyof O]-?: keyof typeof kinds }

export const check = <O extends object>(
  what: string,
  given: O,
  parts: Parts<O>,
  required: ReadonlyArray<keyof O>
): void => {
  refuseUnknown(what, given, Object.keys(parts))
  requireKinds(what, given, parts, required)
}

/** Like `check`, for an object that may have more parts, such as a store extended by another package. */
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
