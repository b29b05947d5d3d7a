/** Formats values as text of limited length, with a limited amount of work, for example for log messages. */
import * as Formatter from "effect/Formatter"
import { previewedParts } from "../defaults/bounds.ts"

export const preview = (value: unknown, characters: number): string => {
  const text = isSmall(value) ? Formatter.format(value) : beginOf(value, characters)
  return text.length <= characters ? text : `${text.slice(0, characters)}…`
}

/** Whether a value has few parts. An iterator does not count as small: counting its elements would use it up. */
const isSmall = (root: unknown): boolean => {
  const waiting = [root]
  let parts = 0
  try {
    while (waiting.length > 0) {
      const value = waiting.pop()
      parts += sizeOf(value)
      if (parts > previewedParts || isUncounted(value)) return false
      if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) continue
      if (value instanceof Map || value instanceof Set) { for (const entry of value.entries()) waiting.push(...entry) }
      for (const name of Reflect.ownKeys(value)) waiting.push(Object.getOwnPropertyDescriptor(value, name)!.value)
    }
    return true
  } catch {
    // The value may be a proxy whose traps throw.
    return false
  }
}

/** Counts 1 for the value itself, plus its elements or bytes. A string adds only a fraction of its length. */
const sizeOf = (value: unknown): number => {
  if (typeof value === "string") return 1 + value.length / previewedParts
  if (typeof value !== "object" || value === null) return 1
  if (ArrayBuffer.isView(value)) return 1 + value.byteLength
  if (Array.isArray(value)) return 1 + value.length
  return value instanceof Map || value instanceof Set ? 1 + value.size : 1
}

const isUncounted = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Symbol.iterator in value && "next" in value

const beginOf = (root: unknown, characters: number): string => {
  const ancestors = new Set<unknown>()
  let text = ""
  const isFull = (): boolean => text.length > characters
  const writeAll = <A>(parts: Iterable<A>, writeOne: (part: A) => void): void => {
    let separator = ""
    for (const part of parts) {
      if (isFull()) return
      text += separator
      writeOne(part)
      separator = ","
    }
  }
  const writeFields = (value: object): void =>
    writeAll(Reflect.ownKeys(value), (name) => {
      text += `${Formatter.format(name)}:`
      write(Object.getOwnPropertyDescriptor(value, name)!.value)
    })
  const writeParts = (value: object): void => {
    if (Array.isArray(value)) within("[", () => writeAll(value, write), "]")
    else if (value instanceof Map) within("Map([", () => writeAll(value, write), "])")
    else if (value instanceof Set) within("Set([", () => writeAll(value, write), "])")
    else if (ArrayBuffer.isView(value)) text += `${nameOf(value)}(${value.byteLength} bytes)`
    // Shows only the name: the fields may be secrets that `toString` hides, and the text of `toString` may be long.
    else if (hasText(value)) text += `${nameOf(value)}(…)`
    else if (nameOf(value) === "Object") within("{", () => writeFields(value), "}")
    else within(`${nameOf(value)}({`, () => writeFields(value), "})")
  }
  const within = (before: string, writeInside: () => void, after: string): void => {
    text += before
    writeInside()
    text += after
  }
  const write = (value: unknown): void => {
    if (typeof value === "string") text += Formatter.format(value.slice(0, characters))
    else if (typeof value !== "object" || value === null) text += Formatter.format(value)
    else if (ancestors.has(value)) text += "[Circular]"
    else if (hasText(value) && isSmall(value)) text += Formatter.format(value)
    else {
      ancestors.add(value)
      writeParts(value)
      ancestors.delete(value)
    }
  }
  try {
    write(root)
  } catch {
    text += "[inspection threw]"
  }
  return text
}

const hasText = (value: object): boolean =>
  !Array.isArray(value) && "toString" in value && value.toString !== Object.prototype.toString

const nameOf = (value: object): string => Object.getPrototypeOf(value)?.constructor?.name || "Object"
