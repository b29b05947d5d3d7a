/** Checks that a value is an effect. Errors name the kind of value that was given instead. */
import * as Effect from "effect/Effect"
import { mistake } from "./options.ts"

export const requireEffect = (what: string, given: unknown): void => {
  if (!Effect.isEffect(given)) throw mistake(`${what} needs an effect, not ${insteadOfEffect(given)}`)
}

/** Names the given value and the remedy, as the end of a sentence. */
export const insteadOfEffect = (given: unknown): string => {
  if (given instanceof Promise) return "a Promise: wrap it, like Effect.tryPromise(() => fetch(url))"
  if (typeof given === "function") {
    return "a function: call it, or pass Effect.sync(() => …) or Effect.tryPromise(() => …)"
  }
  return `${kindOf(given)}: pass an effect, like Effect.succeed(…)`
}

export const kindOf = (given: unknown): string => {
  if (given === undefined || given === null) return String(given)
  const name = (given as { readonly keyName?: unknown }).keyName
  return typeof name === "string"
    ? `the key class "${name}"`
    : Array.isArray(given)
    ? "a list"
    : `a value of type ${typeof given}`
}
