/** Many seeds of several processes, one after another. */
import { simulateFleet } from "./fleet.ts"
import { type Counts, noCounts } from "./fleetRules.ts"
import type { Failure } from "./sweep.ts"

export interface FleetSwept {
  readonly counts: Counts
  readonly failures: ReadonlyArray<Failure>
}

export const sweepFleet = (
  { from, to }: { readonly from: number; readonly to: number },
  before: FleetSwept = { counts: noCounts(), failures: [] }
): FleetSwept => {
  const counts = { ...before.counts }
  const failures = [...before.failures]
  for (let seed = from; seed < to; seed++) {
    const result = simulateFleet({ seed })
    for (const what of Object.keys(counts) as Array<keyof Counts>) counts[what] += result.counts[what]
    const rule = result.violations[0]
    if (rule !== undefined) failures.push({ seed, rule })
  }
  return { counts, failures }
}
