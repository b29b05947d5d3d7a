/**
 * Checks for options that several guards have.
 * @since 0.1.0
 */
import { guards } from "../internal/defaults/guards.ts"
import { mistake, optional } from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"

/** Returns a check of one option. `expected` says in the error message which values are valid. @internal */
export const checkThat =
  <A>(name: string, expected: string, holds: (given: A) => boolean) => (given: A, of: string): void => {
    if (!holds(given)) {
      throw mistake(
        `${name} of ${of} must be ${expected}, not ${typeof given === "string" ? JSON.stringify(given) : String(given)}`
      )
    }
  }

/** @internal */
export const checkCount = (name: string) =>
  checkThat<number>(name, "a positive integer", (given) => Number.isSafeInteger(given) && given > 0)

/** @internal */
export const checkOneOf = (name: string, ...values: ReadonlyArray<unknown>) => {
  const [last, ...others] = values.map((value) => JSON.stringify(value)).toReversed()
  return checkThat(name, `${others.toReversed().join(", ")} or ${last}`, (given) => values.includes(given))
}

/** @internal */
export const checkOnStoreError = optional(checkOneOf("onStoreError", "local", "allow", "fail"))

/** Checks for a positive duration of at most a century, so that sums of times keep their precision. @internal */
export const checkTime = (name: string) => (given: Ttl.Input, of: string): void => {
  const millis = toMillis(given, `${name} of ${of}`)
  if (millis > 0 && millis <= guards.longestMillis) return
  throw mistake(`${name} of ${of} must be longer than 0 and at most a century, not ${millis} ms`)
}
