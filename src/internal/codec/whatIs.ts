/** Names the kind of a value that cannot be stored, and the remedy, but never the value's content. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

export interface Known {
  readonly name: string
  readonly advice: string
}

const schema = (name: string, like: string): Known => ({ name, advice: `give the key a schema, like ${like}` })

export const whatIs = (value: unknown): Known | undefined => {
  if (Option.isOption(value)) return schema("an Option", "Schema.Option(…)")
  if (Result.isResult(value)) return schema("a Result", "Schema.Result(…)")
  if (Exit.isExit(value)) return schema("an Exit", "Schema.Exit(…), or run it in the load, like Effect.flatten(load)")
  if (Effect.isEffect(value)) return { name: "an Effect", advice: "run it in the load, like Effect.flatten(load)" }
  if (value instanceof Promise) {
    return { name: "a Promise", advice: "wait for it in the load, like Effect.promise(() => promise)" }
  }
  return readOnce(value)
}

const inTheLoad = (name: string): Known => ({ name, advice: "read it in the load, and cache its content" })

/** Names a value whose content its first reader uses up. */
export const readOnce = (value: unknown): Known | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  try {
    if (Stream.isStream(value)) {
      return { name: "a Stream", advice: "collect it in the load, like Stream.runCollect(stream)" }
    }
    if ("bodyUsed" in value) return inTheLoad("a Response or Request")
    const isIterator = "next" in value && typeof value.next === "function" && Symbol.iterator in value
    return isIterator || Symbol.asyncIterator in value ? inTheLoad("an iterator or a stream") : undefined
  } catch {
    // A user's proxy may throw when its properties are read.
    return undefined
  }
}

export const circular: Known = { name: "circular", advice: "it contains itself" }

export const sentence = ({ advice, name }: Known): string => `${name}: ${advice}`

/** The path to the first reference that closes a cycle, or `undefined` if the value has none. */
export const pathToCircle = (root: unknown): ReadonlyArray<PropertyKey> | undefined => {
  const path: Array<PropertyKey> = []
  try {
    return closesCircle(root, path, new Set()) ? path : undefined
  } catch {
    // The value is nested too deeply, or one of its getters threw.
    return undefined
  }
}

const closesCircle = (value: unknown, path: Array<PropertyKey>, ancestors: Set<unknown>): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (ancestors.has(value)) return true
  ancestors.add(value)
  for (const [step, part] of partsOf(value)) {
    path.push(step)
    if (closesCircle(part, path, ancestors)) return true
    path.pop()
  }
  ancestors.delete(value)
  return false
}

const partsOf = (value: object): Iterable<readonly [step: PropertyKey, part: unknown]> => {
  if (Array.isArray(value)) return value.entries()
  if (value instanceof Map) return Array.from(value).flat().map((part) => ["{}", part])
  if (value instanceof Set) return Array.from(value, (part) => ["{}", part])
  return Object.entries(value)
}
