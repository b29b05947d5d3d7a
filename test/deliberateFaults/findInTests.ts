/** Looks for a deliberate fault with one file of the tests. */
import { inCopy, withFault } from "./copies.ts"
import { filesWith, type UnitFault } from "./fault.ts"
import type { Asked } from "./runner.ts"
import { runIn } from "./runners.ts"

/** For all files, one after the other. */
export const allTimeoutMillis = 1_800_000

const untilOneFails = {
  bail: 1,
  testTimeout: 5000,
  // A fault may leave nothing but a loop without an end.
  timeoutMillis: 180_000
}

/** The sources that had the fault before. */
const before = new Map<string, ReadonlyArray<string>>()

/** The first test of the file that fails with the fault. */
export const findFault = (fault: UnitFault): Promise<string | undefined> =>
  withFault(fault, async (copy) => {
    const files = Array.from(filesWith(fault).keys())
    const changed = [...before.get(copy) ?? [], ...files]
    before.set(copy, files)
    return (await failedOf(copy, untilOneFails, { files: [fault.by], changed }))[0]
  })

/**
 * The tests of some files that fail without any fault, in such a copy. There must be none: otherwise a failure with a
 * fault says nothing about it.
 */
export const failedWithoutFault = (files: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  inCopy((copy) => failedOf(copy, { timeoutMillis: allTimeoutMillis }, { files, changed: [] }))

const failedOf = async (
  copy: string,
  options: Parameters<typeof runIn>[1],
  asked: Asked
): Promise<ReadonlyArray<string>> => {
  const ran = await runIn(copy, options, asked)
  // A file that cannot be loaded finds nothing.
  const broken = ran.find(({ tests }) => tests === 0)
  if (broken !== undefined) throw new Error(`${broken.file} has run no test: ${broken.message}`)
  if (ran.length !== asked.files.length) throw new Error(`of ${asked.files.join()} only ${ran.length} have run`)
  return ran.flatMap(({ failed }) => failed)
}
