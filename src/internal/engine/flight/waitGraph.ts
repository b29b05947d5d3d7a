/** Which load waits for which: finds cycles. */
import type { Flight } from "./flight.ts"

export const addEdge = (from: Flight | undefined, to: Flight): void => {
  from?.waitsOn.set(to, (from.waitsOn.get(to) ?? 0) + 1)
}

export const removeEdge = (from: Flight | undefined, to: Flight): void => {
  const count = from?.waitsOn.get(to)
  if (count === undefined) return
  if (count === 1) from!.waitsOn.delete(to)
  else from!.waitsOn.set(to, count - 1)
}

/** Whether `from` waits for `to`, through however many others. Iterative, each flight once: chains are long. */
export const reaches = (from: Flight, to: Flight): boolean => {
  if (from === to) return true
  if (from.waitsOn.size === 0) return false
  const seen = new Set([from])
  // a set iterates over what is added to it meanwhile
  for (const flight of seen) {
    for (const next of flight.waitsOn.keys()) {
      if (next === to) return true
      seen.add(next)
    }
  }
  return false
}

/** The way from a load to one that it needs and is a part of. Of several caches two may load one id at once. */
export const pathTo = (within: Flight, to: Flight): ReadonlyArray<string> => {
  const path = [to.id]
  for (let flight: Flight | undefined = within; flight !== undefined; flight = flight.parent) {
    path.push(flight.id)
    if (flight === to) break
  }
  return path.reverse()
}
