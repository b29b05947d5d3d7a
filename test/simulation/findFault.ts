/** Looks for a deliberate fault with seeded schedules. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { environmentIn, withFault } from "../deliberateFaults/copies.ts"
import type { Fault } from "../deliberateFaults/fault.ts"
import type { Group } from "./rules.ts"
import type { Failure, Swept } from "./sweep.ts"

/** The first seed that finds a fault of one engine. */
export const findFault = (fault: Fault, seeds: number): Promise<Failure | undefined> =>
  find(fault, seeds, [...argsOf.oneEngine, "--stop"])

/** The first seed that finds a fault of several engines on one store. */
export const findFaultOfSeveral = (fault: Fault, seeds: number): Promise<Failure | undefined> =>
  find(fault, seeds, [...argsOf.severalEngines, "--stop"])

/** The first seed of derived entries that finds a fault. */
export const findFaultOfDerived = (fault: Fault, seeds: number): Promise<Failure | undefined> =>
  find(fault, seeds, [...argsOf.derived, "--stop"])

/** The first seed of what strategies serve that finds a fault. */
export const findFaultOfServing = (fault: Fault, seeds: number, from = 1): Promise<Failure | undefined> =>
  find(fault, seeds, ["--serving", "--stop", "--from", String(from)])

/** The arguments for the schedules of a group. */
const argsOf: { readonly [G in Group]: ReadonlyArray<string> } = {
  oneEngine: ["--workers", "1"],
  severalEngines: ["--fleet"],
  derived: ["--derived"],
  streams: ["--streams"]
}

/** The rules that have spoken with a fault when the first of them has. */
export const firstSpokenWith = (fault: Fault, group: Group, seeds: number): Promise<ReadonlyArray<string>> =>
  withFault(
    fault,
    async (copy) => (await simulateIn(copy, seeds, [...argsOf[group], "--stop", ...drawing(fault)])).spoken!
  )

/** The rules of what strategies serve that speak with a fault. */
export const spokenWith = (fault: Fault, seeds: number, from = 1): Promise<ReadonlyArray<string>> =>
  withFault(fault, async (copy) => (await simulateIn(copy, seeds, ["--serving", "--from", String(from)])).spoken!)

const find = (fault: Fault, seeds: number, more: ReadonlyArray<string>): Promise<Failure | undefined> =>
  withFault(
    fault,
    async (copy) => (await simulateIn(copy, seeds, [...more, ...drawing(fault)])).failures[0]
  )

const drawing = ({ draws = [] }: Fault): ReadonlyArray<string> => draws.length === 0 ? [] : ["--with", draws.join(",")]

interface Found extends Pick<Swept, "failures"> {
  readonly spoken?: ReadonlyArray<string>
}

const simulateIn = (copy: string, seeds: number, more: ReadonlyArray<string>): Promise<Found> =>
  new Promise((resolve, reject) => {
    const args = ["--conditions=effect-cached-source", join(copy, "test/simulation/main.ts")]
    execFile(
      process.execPath,
      [...args, "--seeds", String(seeds), ...more, "--json"],
      { env: environmentIn(copy) },
      // It ends with 1 where it finds something.
      (error, out) =>
        out === "" ? reject(error ?? new Error("the simulation said nothing")) : resolve(JSON.parse(out) as Found)
    )
  })
