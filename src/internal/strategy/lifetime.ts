/** Derives from the options whether an outcome is stored, and for how long. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { ReadOptions } from "../../cached/options.ts"
import type { Lifetime } from "../../ports/strategy.ts"
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import { answerOf } from "../options/options.ts"
import { type AnyOptions, besideOf, type Kind } from "./kind.ts"

/** Returns the lifetime of an outcome. Throws if an option is not a duration, or if the user's function throws. */
export const lifetimeOf = (
  kind: Kind,
  options: AnyOptions,
  exit: Exit.Exit<unknown, unknown>,
  key: unknown
): Lifetime | "skip" => {
  const given = (input: unknown): unknown => typeof input === "function" ? input(exit, key) : input
  const input = kind.ttl(options)
  const ttl = toMillis(given(input) as Ttl.Input, typeof input === "function" ? functionOfExit : undefined)
  return ttl <= 0 ? "skip" : kind.lifetime(options, ttl, given(besideOf(kind, options)))
}

const functionOfExit = "The result of the function `ttl`, which gets the Exit of the load,"

/** Whether a read's options accept an outcome. Throws if a function among them throws. */
export const isStored = (
  { storeFailures, storeIf, when }: Pick<ReadOptions<any, any, any>, "storeFailures" | "storeIf" | "when">,
  exit: Exit.Exit<unknown, unknown>,
  key: unknown
): boolean => {
  if (when !== undefined && !answerOf("when", when(exit, key))) return false
  if (Exit.isSuccess(exit)) return storeIf === undefined || answerOf("storeIf", storeIf(exit.value, key))
  if (storeFailures === undefined) return when !== undefined
  return exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && hasTag(reason.error, storeFailures))
}

export const hasTag = (error: unknown, tags: ReadonlyArray<string>): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && tags.includes(error._tag as string)

export const isConstant = (kind: Kind, options: AnyOptions): boolean =>
  typeof kind.ttl(options) !== "function" && typeof besideOf(kind, options) !== "function"

/** The lifetime of a strategy with constant options. Throws if an option is not a duration. */
export const constantOf = (kind: Kind, options: AnyOptions): Lifetime => {
  const ttl = toMillis(kind.ttl(options) as Ttl.Input)
  return kind.lifetime(options, ttl, besideOf(kind, options))
}
