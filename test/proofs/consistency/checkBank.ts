/** Checks look-ups beside transactions: each has found all accounts, and all of a commit or nothing of it. */
import type { Line } from "../../processes/recording.ts"

type Of = (what: string) => ReadonlyArray<Line>

/** How long a command may be carried out after its process was killed. */
const carriedOutMillis = 2000

export const checkBank = (of: Of): ReadonlyArray<string> => {
  const banks = new Set(of("looked").map((look) => look["bank"]))
  return Array.from(banks).flatMap((bank) =>
    checkOne((what) => of(what).filter((line) => line["bank"] === bank), killedAt(of))
  )
}

const killedAt = (of: Of): ReadonlyMap<string, number> => new Map(of("killed").map(({ at, process }) => [process, at]))

const checkOne = (of: Of, killed: ReadonlyMap<string, number>): ReadonlyArray<string> => {
  const unknown = unknownTimes(of, killed)
  const absent = of("looked").flatMap((look) => {
    const isExplained = look["absent"] !== true || look["answered"] !== true ||
      unknown.some(({ from, to }) => from < look.until && to > look.at)
    return isExplained ? [] : [`an account that always exists was not found: ${show(look)}`]
  })
  return [...checkWhole(of), ...absent]
}

const show = ({ at, by, process, until }: Line): string =>
  `${process} by ${String(by)} [${at.toFixed(1)}, ${until.toFixed(1)}]`

/** No account is seen from before a commit. If entries are removed or damaged, accounts may be missing. */
export const checkWhole = (of: Of): ReadonlyArray<string> =>
  of("looked").filter((look) => look["isTorn"] === true).map((look) =>
    `a part of a commit was seen: ${show(look)}, a sum of ${String(look["sum"])}`
  )

interface Span {
  readonly from: number
  readonly to: number
}

/**
 * When accounts may be missing: before they are first set, and after an uncertain commit, which the cache removes. That
 * lasts until they are set again after the end of the removal.
 */
const unknownTimes = (of: Of, killed: ReadonlyMap<string, number>): ReadonlyArray<Span> => {
  const settled = of("settled")
  const opened = of("opened")
  const setAfter = (time: number): number =>
    opened.reduce((first, { at, until }) => at >= time ? Math.min(first, until) : first, Infinity)
  return [
    { from: -Infinity, to: setAfter(-Infinity) },
    ...of("uncertain").map(({ at, process, until }) => {
      const settledAt = settled.reduce(
        (first, line) => line.process === process && line.at >= until ? Math.min(first, line.until) : first,
        Infinity
      )
      return { from: at, to: setAfter(Math.min(settledAt, (killed.get(process) ?? Infinity) + carriedOutMillis)) }
    })
  ]
}
