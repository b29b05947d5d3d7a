/** Looks for a deliberate fault with the consistency check. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { environment, type Fault, withFault } from "../deliberateFaults/fault.ts"

/** Schedules differ from run to run even with one seed, so it is tried for some time. */
const tries = 3
const seconds = 20

/** The first violation that a fault leads to. */
export const findFault = (fault: Fault): Promise<string | undefined> =>
  withFault(fault, ["test/consistency", "test/processes", "test/deliberateFaults"], async (copy) => {
    for (let seed = 1; seed <= tries; seed++) {
      const violation = await firstViolation(copy, seed)
      if (violation !== undefined) return violation
    }
    return undefined
  })

const firstViolation = (copy: string, seed: number): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const args = ["--conditions=effect-cached-source", join(copy, "test/consistency/main.ts")]
    execFile(
      process.execPath,
      [...args, "--seconds", String(seconds), "--seed", String(seed), "--stop", "--json"],
      { env: environment, maxBuffer: 1 << 28 },
      // it ends with 1 where it finds something
      (error, out) =>
        out === ""
          ? reject(error ?? new Error("the check said nothing"))
          : resolve((JSON.parse(out) as { readonly violations: ReadonlyArray<string> }).violations[0])
    )
  })
