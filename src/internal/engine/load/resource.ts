/** Warns about cached resources, because the load's scope releases them before a caller receives them. */
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { lookedAtParts } from "../../defaults/bounds.ts"
import * as EffectTypes from "../../effect.ts"
import { infoOf, type Key } from "../../key/ofKey.ts"
import type { Flight } from "../state.ts"
import * as Log from "../telemetry/log.ts"

export const warnOfResource = (
  { engine, id, request: { key } }: Flight,
  exit: Exit.Exit<unknown, unknown>
): void => {
  if (Exit.isFailure(exit) || !isUndescribed(key) || !holdsResource(exit.value)) return
  const about: Log.About = { id, key }
  Log.warnOnce(
    engine,
    `resource ${Log.topicOf(about, nameOf(exit.value))}`,
    `The load of "${about.id}" has a scope that is released when the load ends, and its value may be a resource of that ` +
      "scope: then it is closed before a caller has it. Share resources with RcMap, or acquire them without a scope and " +
      "close them in Cached.onRemoval (logged once a key class or cause)",
    { about }
  )
}

const nameOf = (value: unknown): string => Object.getPrototypeOf(value)?.constructor?.name ?? ""

/** Whether the value may be more than data: the key is a string, or the schema of its results accepts other values. */
const isUndescribed = (key: Key): boolean => infoOf(key)?.isUndescribed() ?? true

const holdsResource = (root: unknown): boolean => {
  const waiting = [root]
  try {
    for (let seen = 0; waiting.length > 0 && seen < lookedAtParts; seen++) {
      const value = waiting.pop()
      if (typeof value === "function") return true
      if (typeof value !== "object" || value === null) continue
      const content = contentOf(value)
      if (content !== undefined) {
        pushAll(waiting, content)
        continue
      }
      if (isKnownData(value)) continue
      if (hasMethod(value)) return true
      addParts(waiting, value)
    }
  } catch {
    // A user's proxy may throw when it is inspected. Such a value does not count as a resource.
  }
  return false
}

const valuesOf = function*(map: Iterable<readonly [unknown, unknown]>): Generator<unknown> {
  for (const [, value] of map) yield value
}

const contentOf = (value: object): Iterable<unknown> | undefined => {
  if (Option.isOption(value)) return Option.toArray(value)
  if (Result.isResult(value)) return [Result.isSuccess(value) ? value.success : value.failure]
  if (Exit.isExit(value)) return Exit.isSuccess(value) ? [value.value] : []
  if (EffectTypes.isChunk(value) || EffectTypes.isHashSet(value)) return value
  return EffectTypes.isHashMap(value) ? valuesOf(value) : undefined
}

/** Whether an object is data although it has methods, like a `Date` or an Effect value that is compared by content. */
const isKnownData = (value: object): boolean =>
  Equal.isEqual(value) || value instanceof Date || value instanceof RegExp || value instanceof Error ||
  value instanceof URL || ArrayBuffer.isView(value) || value instanceof ArrayBuffer

const containers: ReadonlySet<unknown> = new Set([
  Object.prototype,
  Array.prototype,
  Map.prototype,
  Set.prototype,
  null
])

/** Methods that do not suggest a resource, because data classes (`Schema.Class`, `Data`) also inherit them. */
const ordinary: ReadonlySet<PropertyKey> = new Set(["constructor", "pipe", "toJSON", "toString", "valueOf"])

/** Whether the object inherits a method from a class. Does not call getters. */
const hasMethod = (value: object): boolean => {
  for (
    let prototype: unknown = Object.getPrototypeOf(value);
    !containers.has(prototype);
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Reflect.ownKeys(prototype as object)) {
      if (isTelling(name) && typeof Object.getOwnPropertyDescriptor(prototype, name)!.value === "function") return true
    }
  }
  return false
}

/** Whether a property suggests a resource. Ignores most symbols, and names that Effect uses (`~...`). */
const isTelling = (name: PropertyKey): boolean =>
  typeof name === "symbol" ? disposers.has(name) : !ordinary.has(name) && !String(name).startsWith("~")

const disposers: ReadonlySet<symbol> = new Set([Symbol.dispose, Symbol.asyncDispose])

const addParts = (waiting: Array<unknown>, value: object): void => {
  const isContainer = value instanceof Map || value instanceof Set || Array.isArray(value)
  pushAll(waiting, isContainer ? value.values() : fieldsOf(value))
}

const pushAll = (waiting: Array<unknown>, parts: Iterable<unknown>): void => {
  for (const part of parts) {
    if (waiting.push(part) >= lookedAtParts) return
  }
}

const fieldsOf = function*(value: object): Generator<unknown> {
  for (const name of Reflect.ownKeys(value)) yield Object.getOwnPropertyDescriptor(value, name)!.value
}
