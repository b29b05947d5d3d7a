/** Seeded schedules of strategies at work (P9): a hot key, an origin that is down at times, and a table of rules. */
import { type Tallies, tallyOf } from "../decide.ts"
import { rules } from "./rules.ts"
import { run } from "./run.ts"
import { nameOf, seenOf } from "./seen.ts"

/**
 * The violations of one seed, each by its rule. Adds to the tallies. A read is judged by the first rule that it breaks.
 * After that nothing is judged of its id, because the cache no longer has the entry that it should have.
 */
export const simulateServing = (seed: number, tallies: Tallies = new Map()): ReadonlyArray<string> => {
  const ran = run(seed)
  if (ran.crash !== undefined) return [`crash: ${ran.crash}`]
  const seen = seenOf(ran)
  const broken = new Map<string, string>()
  for (const read of seen.reads) {
    for (const { judge, name, promise } of rules) {
      if (broken.has(read.spec.id)) break
      const verdict = judge(seen, read)
      if (verdict === undefined) continue
      const tally = tallyOf(tallies, name)
      if (verdict === "kept") tally.kept++
      else if (verdict === "excused") tally.excused++
      else {
        tally.broken++
        broken.set(read.spec.id, `${promise}, ${name}: ${nameOf(read)}, ${verdict.wrong}`)
      }
    }
  }
  return Array.from(broken.values())
}
