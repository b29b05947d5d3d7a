/** The wait graph: which flight waits for which. Finds cycles. */
import type { Attempt, Flight } from "../state.ts"

/** One more caller inside the load `from` waits for `to`. A load that has ended waits for nothing. */
export const addEdge = (from: Attempt | undefined, to: Flight): void => {
  if (from?.flight === undefined) return
  const edges = from.waitsOn ??= new Map()
  edges.set(to, (edges.get(to) ?? 0) + 1)
}

export const removeEdge = (from: Attempt | undefined, to: Flight): void => {
  const edges = from?.waitsOn
  const count = edges?.get(to)
  if (edges === undefined || count === undefined) return
  if (count === 1) edges.delete(to)
  else edges.set(to, count - 1)
}

/** Whether `from` waits for `to`, directly or through others. */
export const reaches = (from: Flight, to: Flight): boolean => {
  if (from === to) return true
  if (from.attempt.waitsOn === undefined) return false
  for (const flight of reached(from)) if (flight === to) return true
  return false
}

/** A flight, and all that it waits for, directly or through others. Iterative, because chains are long. */
export function* reached(from: Flight): Generator<Flight> {
  const seen = new Set([from])
  // the iteration of a set includes elements that are added meanwhile
  for (const flight of seen) {
    yield flight
    for (const next of flight.attempt.waitsOn?.keys() ?? []) seen.add(next)
  }
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
