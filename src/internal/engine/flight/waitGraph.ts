/** The wait graph records which flight waits for which other flight, and finds cycles. */
import type { Attempt, Flight } from "../state.ts"

/** Records that a caller inside the load `from` waits for `to`. Nothing is recorded once that load has ended. */
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

export const reaches = (from: Flight, to: Flight): boolean => {
  if (from === to) return true
  if (from.attempt.waitsOn === undefined) return false
  for (const flight of reached(from)) if (flight === to) return true
  return false
}

/** Yields a flight and all flights that it waits for, directly or indirectly. Chains can be too long for recursion. */
export function* reached(from: Flight): Generator<Flight> {
  const seen = new Set([from])
  // A loop over a set also visits the elements that are added during the loop.
  for (const flight of seen) {
    yield flight
    for (const next of flight.attempt.waitsOn?.keys() ?? []) seen.add(next)
  }
}

export const pathTo = (within: Flight, to: Flight): ReadonlyArray<string> => {
  const path = [to.id]
  for (let flight: Flight | undefined = within; flight !== undefined; flight = flight.parent) {
    path.push(flight.id)
    if (flight === to) break
  }
  return path.reverse()
}
