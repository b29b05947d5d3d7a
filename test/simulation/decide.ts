/** Decides rules, and counts how often each was decided and excused. */
import { type RuleName, rules } from "./rules.ts"

const promises = new Map<string, string>(rules.map(({ name, promise }) => [name, promise]))

/** How often a rule was decided, for and against, and how often excused. */
export interface Tally {
  kept: number
  broken: number
  excused: number
}

export type Tallies = Map<string, Tally>

/** The columns of a rule in a table. */
interface Named {
  readonly name: string
  readonly promise: string
}

/** A run that is judged. */
export interface Judged {
  readonly violations: Array<string>
  readonly tallies: Tallies
  readonly say: (text: () => string) => void
}

export const tallyOf = (tallies: Tallies, name: string): Tally => {
  const tally = tallies.get(name) ?? { kept: 0, broken: 0, excused: 0 }
  tallies.set(name, tally)
  return tally
}

/** The rule applies: it holds, or the text says what is wrong. */
export const decide = (
  self: Judged,
  name: RuleName,
  holds: boolean,
  text: () => string
): void => {
  const tally = tallyOf(self.tallies, name)
  if (holds) return void tally.kept++
  tally.broken++
  const violation = `${promises.get(name)}, ${name}: ${text()}`
  self.say(() => `VIOLATION ${violation}`)
  self.violations.push(violation)
}

/** The rule applies, and cannot be decided. */
export const excuse = (self: Judged, name: RuleName): void => void tallyOf(self.tallies, name).excused++

/** The answer of a rule: `undefined` if it does not apply, `"excused"`, `"kept"`, or what is wrong. */
export type Verdict = undefined | "excused" | "kept" | { readonly wrong: string }

export const expect = (holds: boolean, text: () => string): Verdict => holds ? "kept" : { wrong: text() }

export const give = (self: Judged, name: RuleName, verdict: Verdict): void => {
  if (verdict === "excused") excuse(self, name)
  else if (verdict !== undefined) decide(self, name, verdict === "kept", () => (verdict as { wrong: string }).wrong)
}

/** Adds the tallies of another run. */
export const addTallies = (tallies: Tallies, more: Iterable<readonly [string, Tally]>): void => {
  for (const [name, { broken, excused, kept }] of more) {
    const tally = tallyOf(tallies, name)
    tally.kept += kept
    tally.broken += broken
    tally.excused += excused
  }
}

/** The rules that have spoken. */
export const spokenOf = (tallies: Tallies): ReadonlyArray<string> =>
  Array.from(tallies).flatMap(([name, { broken }]) => broken > 0 ? name : [])

/** Those that were decided too seldom, or excused too often. */
export const seldomOf = (rules: ReadonlyArray<Named>, tallies: Tallies): ReadonlyArray<string> =>
  rules.flatMap(({ name }) => {
    const { broken, excused, kept } = tallyOf(tallies, name)
    return kept + broken < 100 || excused > kept + broken ? `${name}: ${kept} kept, ${excused} excused` : []
  })

export const tableOf = (rules: ReadonlyArray<Named>, tallies: Tallies): string =>
  [
    `${"rule".padEnd(56)} of      kept  broken excused`,
    ...rules.map(({ name, promise }) => {
      const { broken, excused, kept } = tallyOf(tallies, name)
      const counts = [kept, broken, excused].map((count) => String(count).padStart(8)).join("")
      return `${name.padEnd(56)} ${promise}${counts}`
    })
  ].join("\n")
