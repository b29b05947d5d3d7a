/** How large the maps, sets and lists of an engine are: found by walking through it, so that new ones are found too. */
import { Context, Effect, Fiber, Schedule } from "effect"

/** The largest collection of each place in the engine, by its path: `flights[].callers.list`. */
export type Sizes = Map<string, number>

/** Not of the engine: the program's own values, and what Effect keeps. */
const isForeign = (value: object): boolean =>
  Context.isContext(value) || Fiber.isFiber(value) || Effect.isEffect(value) || Schedule.isSchedule(value) ||
  ArrayBuffer.isView(value) || value instanceof WeakMap || value instanceof WeakRef || value instanceof Error

const childrenOf = (value: object): ReadonlyArray<readonly [name: string, child: unknown]> => {
  if (value instanceof Map) return Array.from(value).flatMap(([key, item]) => [["[key]", key], ["[]", item]] as const)
  if (value instanceof Set || Array.isArray(value)) return Array.from(value, (item) => ["[]", item] as const)
  return Object.keys(value).map((name) => [`.${name}`, (value as Record<string, unknown>)[name]])
}

const sizeOf = (value: object): number | undefined =>
  value instanceof Map || value instanceof Set
    ? value.size
    : Array.isArray(value)
    ? value.length
    : undefined

/** A chain of links is one place: `entries[].next.next` is `entries[].next`. A longer circle ends at some length. */
const extend = (path: string, name: string): string => path.endsWith(name) || path.length > 150 ? path : path + name

/** The sizes of all collections below `root`, and under `(objects)` how many objects can be reached in all. */
export const sizesOf = (root: object): Sizes => {
  const sizes: Sizes = new Map()
  const seen = new Set<object>([root])
  // Breadth first, so that a thing has its shortest path.
  let level: Array<readonly [path: string, value: object]> = [["", root]]
  while (level.length > 0) {
    const next: typeof level = []
    for (const [path, value] of level) {
      const size = sizeOf(value)
      if (size !== undefined) sizes.set(path, Math.max(size, sizes.get(path) ?? 0))
      for (const [name, child] of childrenOf(value)) {
        if (typeof child !== "object" || child === null || seen.has(child) || isForeign(child)) continue
        seen.add(child)
        next.push([extend(path, name), child])
      }
    }
    level = next
  }
  return sizes.set("(objects)", seen.size)
}
