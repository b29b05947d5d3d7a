/** Many seeds of several processes, one after another. */
import { addTallies, type Tallies } from "./decide.ts"
import { simulateFleet } from "./fleet.ts"
import { type Counts, noCounts } from "./fleetRules.ts"
import type { Failure, Range } from "./sweep.ts"

export interface FleetSwept {
  readonly counts: Counts
  readonly failures: ReadonlyArray<Failure>
  readonly tallies: Tallies
}

export const sweepFleet = (
  { from, stopAtFirst, to, with: also }: Omit<Range, "store">,
  before: FleetSwept = { counts: noCounts(), failures: [], tallies: new Map() }
): FleetSwept => {
  const counts = { ...before.counts }
  const failures = [...before.failures]
  const tallies: Tallies = new Map()
  addTallies(tallies, before.tallies)
  for (let seed = from; seed < to; seed++) {
    const result = simulateFleet({ seed, with: also })
    for (const what of Object.keys(counts) as Array<keyof Counts>) counts[what] += result.counts[what]
    addTallies(tallies, result.tallies)
    const rule = result.violations[0]
    if (rule === undefined) continue
    failures.push({ seed, rule })
    if (stopAtFirst === true) break
  }
  return { counts, failures, tallies }
}
