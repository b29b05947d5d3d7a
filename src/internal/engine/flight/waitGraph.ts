/** The wait graph: which flight waits for which. Finds cycles. */
import type { Flight } from "./flight.ts"

/** One more caller inside the load of `from` waits for `to`. */
export const addEdge = (from: Flight | undefined, to: Flight): void => {
  from?.waitsOn.set(to, (from.waitsOn.get(to) ?? 0) + 1)
}

export const removeEdge = (from: Flight | undefined, to: Flight): void => {
  const count = from?.waitsOn.get(to)
  if (count === undefined) return
  if (count === 1) from!.waitsOn.delete(to)
  else from!.waitsOn.set(to, count - 1)
}

/** Whether `from` waits for `to`, directly or through others. Iterative, because chains are long. */
export const reaches = (from: Flight, to: Flight): boolean => {
  if (from === to) return true
  if (from.waitsOn.size === 0) return false
  const seen = new Set([from])
  // the iteration of a set includes elements that are added meanwhile
  for (const flight of seen) {
    for (const next of flight.waitsOn.keys()) {
      if (next === to) return true
      seen.add(next)
    }
  }
  return false
}

/**
 * The ids from `to` down to the load that waits for it, and `to` again: the path of a `CacheCycle`. With several caches
 * one id can be in it twice.
 */
export const pathTo = (within: Flight, to: Flight): ReadonlyArray<string> => {
  const path = [to.id]
  for (let flight: Flight | undefined = within; flight !== undefined; flight = flight.parent) {
    path.push(flight.id)
    if (flight === to) break
  }
  return path.reverse()
}
