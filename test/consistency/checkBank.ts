/** Proves from what the processes have written that look-ups beside transactions see accounts that are there, and all of a commit. */
import type { Line } from "../processes/recording.ts"

type Of = (what: string) => ReadonlyArray<Line>

/** a command that was sent before its process was killed may be carried out for so long */
const carriedOutMillis = 2000

export const checkBank = (of: Of): ReadonlyArray<string> => {
  const unknown = unknownTimes(of)
  return of("looked").flatMap((look) => {
    const at = `${look.process} by ${String(look["by"])} [${look.at.toFixed(1)}, ${look.until.toFixed(1)}]`
    if (look["isWhole"] === false) return [`a part of a commit was seen: ${at}, a sum of ${String(look["sum"])}`]
    const isExplained = look["absent"] !== true || look["answered"] !== true ||
      unknown.some(({ from, to }) => from < look.until && to > look.at)
    return isExplained ? [] : [`an account that was there all the time was not found: ${at}`]
  })
}

interface Span {
  readonly from: number
  readonly to: number
}

/**
 * When accounts may be missing: before they are set, and from a commit of which the store did not say whether it has
 * carried it out, which removes them. Then until they are set again, after the removal is known to have ended.
 */
const unknownTimes = (of: Of): ReadonlyArray<Span> => {
  const killed = new Map(of("killed").map(({ at, process }) => [process, at]))
  const settled = of("settled")
  const opened = of("opened")
  const setAfter = (time: number): number =>
    opened.reduce((first, { at, until }) => at >= time ? Math.min(first, until) : first, Infinity)
  return [
    { from: -Infinity, to: setAfter(-Infinity) },
    ...of("uncertain").map(({ at, process, until }) => {
      const settledAt = settled.reduce(
        (first, line) => line.process === process && line.at >= until ? Math.min(first, line.at) : first,
        Infinity
      )
      return { from: at, to: setAfter(Math.min(settledAt, (killed.get(process) ?? Infinity) + carriedOutMillis)) }
    })
  ]
}
