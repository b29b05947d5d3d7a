/** Estimates the size in memory of a value that has no codec. */
import { previewedParts } from "../../defaults/bounds.ts"

const ofObject = 32

export const sizeOf = (root: unknown): number => {
  if (typeof root === "string") return 16 + 2 * root.length
  if (typeof root !== "object" || root === null) return 8
  let size = 0
  const seen = new Set<object>()
  const waiting: Array<unknown> = [root]
  for (let parts = 0; waiting.length > 0 && parts < previewedParts; parts++) {
    const value = waiting.pop()
    if (typeof value === "string") size += 16 + 2 * value.length
    else if (typeof value !== "object" || value === null) size += 8
    else if (ArrayBuffer.isView(value)) size += ofObject + value.byteLength
    else if (!seen.has(value)) {
      seen.add(value)
      size += ofObject + partsOf(value, waiting)
    }
  }
  return size
}

/** Adds an object's parts to `waiting`, to be visited. Returns an estimate for the parts that are not visited. */
const partsOf = (value: object, waiting: Array<unknown>): number => {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && i < previewedParts; i++) waiting.push(value[i])
    return 8 * Math.max(0, value.length - previewedParts)
  }
  if (value instanceof Map || value instanceof Set) return 2 * ofObject * value.size
  try {
    for (const name of Reflect.ownKeys(value)) {
      waiting.push(Object.getOwnPropertyDescriptor(value, name)?.value)
    }
  } catch {
  }
  return 0
}
