/** Many seeds, one after another. */
import { addTallies, type Tallies, type Tally } from "./decide.ts"
import type { Feature } from "./features.ts"
import type { Config } from "./model.ts"
import { simulate } from "./simulate.ts"

export interface Range {
  readonly from: number
  /** Not included. */
  readonly to: number
  readonly store?: Config["store"] | undefined
  /** Features of the programs, whatever the seed draws. */
  readonly with?: ReadonlyArray<Feature> | undefined
  readonly stopAtFirst?: boolean | undefined
}

export interface Failure {
  readonly seed: number
  /** The first rule that was violated. */
  readonly rule: string
}

export interface Swept {
  readonly seeds: number
  readonly loads: number
  readonly reads: number
  readonly restarts: number
  readonly failures: ReadonlyArray<Failure>
  readonly tallies: ReadonlyArray<readonly [string, Tally]>
}

export const nothing: Swept = { seeds: 0, loads: 0, reads: 0, restarts: 0, failures: [], tallies: [] }

export const add = (a: Swept, b: Swept): Swept => ({
  seeds: a.seeds + b.seeds,
  loads: a.loads + b.loads,
  reads: a.reads + b.reads,
  restarts: a.restarts + b.restarts,
  failures: [...a.failures, ...b.failures],
  tallies: sum(a.tallies, b.tallies)
})

const sum = (...all: ReadonlyArray<Swept["tallies"]>): Swept["tallies"] => {
  const tallies: Tallies = new Map()
  for (const some of all) addTallies(tallies, some)
  return [...tallies]
}

export const sweep = ({ from, stopAtFirst, store, to, with: also }: Range): Swept => {
  let [loads, reads, restarts] = [0, 0, 0]
  const failures: Array<Failure> = []
  const tallies: Tallies = new Map()
  let seed = from
  for (; seed < to; seed++) {
    const result = simulate({ seed, store, with: also })
    loads += result.loads
    reads += result.reads
    restarts += result.restarts
    addTallies(tallies, result.tallies)
    const rule = result.violations[0]
    if (rule === undefined) continue
    failures.push({ seed, rule })
    if (stopAtFirst === true) break
  }
  return { seeds: Math.min(seed + 1, to) - from, loads, reads, restarts, failures, tallies: [...tallies] }
}
