/** Looks for a deliberate fault with the consistency check. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { environmentIn, withFault } from "../../deliberateFaults/copies.ts"
import type { ProcessFault } from "../../deliberateFaults/processes.ts"

/** Schedules differ from run to run even with one seed, so it is tried for some time. */
const triesOf = ({ sought }: ProcessFault): number => sought === "by hand" ? 9 : 3
const seconds = 20

/** The first violation that a fault leads to. */
export const findFault = (fault: ProcessFault): Promise<string | undefined> =>
  withFault(fault, async (copy) => {
    for (let seed = 1; seed <= triesOf(fault); seed++) {
      const violation = await firstViolation(copy, seed, [
        ...fault.removes === true ? ["--removes"] : [],
        ...fault.store === undefined ? [] : ["--store", fault.store]
      ])
      if (violation !== undefined) return violation
    }
    return undefined
  })

const firstViolation = (copy: string, seed: number, more: ReadonlyArray<string>): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const args = ["--conditions=effect-cached-source", join(copy, "test/proofs/consistency/main.ts")]
    execFile(
      process.execPath,
      [...args, "--seconds", String(seconds), "--seed", String(seed), "--stop", "--json", ...more],
      { env: environmentIn(copy), maxBuffer: 1 << 28 },
      // It ends with 1 where it finds something.
      (error, out) =>
        out === ""
          ? reject(error ?? new Error("the check said nothing"))
          : resolve((JSON.parse(out) as { readonly violations: ReadonlyArray<string> }).violations[0])
    )
  })
