/**
 * Sections are measured one after the other: each is reported as it ends, and one that fails keeps no other from its
 * turn.
 */
import type { Results } from "./checks.ts"

export type Sections = { readonly [name: string]: () => Results }

interface Listening {
  /** Called after each section, with its measurements and all measurements so far. */
  readonly ended: (results: Results, all: Results) => void
  readonly failed: (name: string, error: unknown) => void
}

/** All measurements of the sections. */
export const measureAll = (
  sections: Sections,
  names: ReadonlyArray<string>,
  { ended, failed }: Listening
): Results => {
  const all: { -readonly [name in keyof Results]: Results[name] } = {}
  for (const name of names) {
    let results: Results
    try {
      results = sections[name]!()
    } catch (error) {
      failed(name, error)
      continue
    }
    Object.assign(all, results)
    ended(results, all)
  }
  return all
}
