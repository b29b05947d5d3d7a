/**
 * Deliberate faults that one file of the tests finds, each a file about the unit that has it: schedules see no order,
 * no bound and no question that is asked too often. A file a room of `src`.
 *
 * A change that an ordinary mutant makes needs no fault if the tests find such mutants. In November 2026, mutants of
 * the expressions that faults changed were run against the one test file that each fault named, and in the last six
 * rooms against others near it. In most rooms these were a sample of files, drawn by the seed "60". Found were:
 *
 *     pipelines 17 of 17      objects 20 of 21       stores 15 of 16     command 10 of 11      folders 10 of 11
 *     surface 50 of 55        guards 20 of 22        transaction 32 of 37  locks 6 of 7
 *     storeTier 23 of 27      configuration 17 of 20  requests 17 of 20     formats 24 of 29
 *     encoding 28 of 34       derived 42 of 52       flight 61 of 75       http 88 of 110
 *     redis 4 of 4            eviction 9 of 9        time 15 of 18      memory 19 of 22
 *     streams 52 of 58        wrappers 14 of 15      sqlite 54 of 64
 *
 * The faults that such mutants make were removed.
 */
import { globSync } from "node:fs"
import { join } from "node:path"
import type { UnitFault } from "../fault.ts"

const files = globSync("*.ts", { cwd: import.meta.dirname }).filter((file) => file !== "index.ts").toSorted()
const units: ReadonlyArray<{ readonly faults: ReadonlyArray<UnitFault> }> = await Promise.all(
  files.map((file) => import(join(import.meta.dirname, file)))
)

export const faults = units.flatMap(({ faults }) => faults)
