/** Seeded schedules of strategies at work (P9): a hot key, an origin that is down at times, and a table of rules. */
import { type Rule, rules } from "./rules.ts"
import { run } from "./run.ts"
import { seenOf } from "./seen.ts"

/** How often a rule was decided, for and against, and how often excused. */
export interface Tally {
  kept: number
  broken: number
  excused: number
}

export type Tallies = ReadonlyMap<Rule["name"], Tally>

export const noTallies = (): Tallies => new Map(rules.map(({ name }) => [name, { kept: 0, broken: 0, excused: 0 }]))

/**
 * The violations of one seed, each by its rule. Adds to the tallies. A read is judged by the first rule that it breaks.
 * After that nothing is judged of its id, because the cache no longer has the entry that it should have.
 */
export const simulateServing = (seed: number, tallies: Tallies = noTallies()): ReadonlyArray<string> => {
  const ran = run(seed)
  if (ran.crash !== undefined) return [`crash: ${ran.crash}`]
  const seen = seenOf(ran)
  const broken = new Map<string, string>()
  for (const read of seen.reads) {
    for (const { judge, name, promise } of rules) {
      if (broken.has(read.spec.id)) break
      const verdict = judge(seen, read)
      if (verdict === undefined) continue
      const tally = tallies.get(name)!
      if (verdict === "kept") tally.kept++
      else if (verdict === "excused") tally.excused++
      else {
        tally.broken++
        broken.set(read.spec.id, `${promise}, ${name}: ${verdict.wrong}`)
      }
    }
  }
  return Array.from(broken.values())
}

/** The rules that have spoken. */
export const spokenOf = (tallies: Tallies): ReadonlyArray<string> =>
  Array.from(tallies).flatMap(([name, { broken }]) => broken > 0 ? name : [])

/** All rules in one table. */
export const tableOf = (tallies: Tallies): string =>
  [
    `${"rule".padEnd(36)} of   kept broken excused`,
    ...rules.map(({ name, promise }) => {
      const { broken, excused, kept } = tallies.get(name)!
      const counts = [kept, broken, excused].map((count) => String(count).padStart(7)).join("")
      return `${name.padEnd(36)} ${promise}${counts}`
    })
  ].join("\n")
