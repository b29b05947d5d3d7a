/**
 * Sections are measured one after the other: each is reported as it ends, and one that fails keeps no other from its
 * turn.
 */
import type * as Report from "./report.ts"

export type Sections = { readonly [name: string]: () => Report.Results }

interface Listening {
  /** Called after each section, with its measurements and all measurements so far. */
  readonly ended: (results: Report.Results, all: Report.Results) => void
  readonly failed: (name: string, error: unknown) => void
}

/** All measurements of the sections. */
export const measureAll = (
  sections: Sections,
  names: ReadonlyArray<string>,
  { ended, failed }: Listening
): Report.Results => {
  const all: { -readonly [name in keyof Report.Results]: Report.Results[name] } = {}
  for (const name of names) {
    let results: Report.Results
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
