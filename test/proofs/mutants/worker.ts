/** Runs each test with all mutants that it reaches, one after the other, in the same process. */
import { type RunnerTestCase, type RunnerTestFile, TestRunner } from "vitest"
import { asked, shared, tell } from "./asked.ts"

const { active, budgetMillis, mutants, pass, tests: named } = asked()
const quickMillis = 100
const slowMillis = 1000
let tests = 0
const alive = new Set(mutants)
const spent: Record<string, number> = {}
const { setInterval, clearInterval } = globalThis
const tickMillis = 50

/** A test with the functions that it asks to run after it. */
interface Finishing {
  readonly onFinished?: Array<(context: unknown) => unknown>
}

/** Runs a test; `undefined` if it fails, else how long it took of the processor: a busy machine makes no test slow. */
const attempt = async (test: RunnerTestCase, limitMillis: number): Promise<number | undefined> => {
  const result = test.result!
  const before = process.cpuUsage()
  let timer
  try {
    // Counts ticks, so that a process which gets no processor has time.
    let ticks = 0
    const tooLate = new Promise((_, reject) => {
      timer = setInterval(() => ++ticks * tickMillis > limitMillis && reject(new Error("takes too long")), tickMillis)
    })
    await Promise.race([TestRunner.getTestFn(test)(), tooLate])
    const { system, user } = process.cpuUsage(before)
    return result.state === "fail" ? undefined : (system + user) / 1000
  } catch {
    return undefined
  } finally {
    clearInterval(timer)
    result.state = "run"
    delete result.errors
    for (const after of (test as Finishing).onFinished?.splice(0).reverse() ?? []) await after(test.context)
  }
}

const isAsked = ({ fullName }: RunnerTestCase): boolean => {
  if (pass === "named") return named!.includes(fullName)
  return pass === "slow" || pass === "whole" || (tests++ % 5 === 0) === (pass === "some")
}

/** Tries a mutant with a test: the test fails; or it passes, but then fails without the mutant. */
const tryMutant = async (test: RunnerTestCase, mutant: string, hits: number, limitMillis: number) => {
  tell({ _tag: "Trying", mutant, test: test.fullName })
  Object.assign(shared, { activeMutant: mutant, hitCount: 0, hitLimit: 1000 + 100 * hits })
  const passed = await attempt(test, limitMillis)
  Object.assign(shared, { activeMutant: undefined, hitCount: undefined })
  if (passed !== undefined) {
    spent[mutant] = (spent[mutant] ?? 0) + passed
    if (spent[mutant] > budgetMillis) alive.delete(mutant)
    return
  }
  // The test must have failed because of this mutant, and not because of what an earlier one has left behind.
  if (await attempt(test, limitMillis) === undefined) {
    tell({ _tag: "Left", mutant, test: test.fullName })
    process.kill(process.pid, "SIGKILL")
  }
  alive.delete(mutant)
  tell({ _tag: "Killed", mutant, test: test.fullName })
}

export default class Mutants extends TestRunner {
  async runTask(test: RunnerTestCase): Promise<void> {
    const told = { test: test.fullName }
    tell({ _tag: "Test", ...told })
    if (active !== undefined) {
      if (await attempt(test, 10_000) !== undefined) return
      tell({ _tag: "Killed", mutant: active, ...told })
      process.kill(process.pid, "SIGKILL")
    }
    if (!isAsked(test)) return
    shared.currentTestId = "test"
    shared.mutantCoverage!.perTest["test"] = {}
    const first = await attempt(test, 20_000)
    const reached = Object.entries(shared.mutantCoverage!.perTest["test"]).filter(([mutant]) => alive.has(mutant))
    if (reached.length === 0) return
    // It must pass as often as it runs.
    const millis = first === undefined || test.fails === true ? undefined : await attempt(test, 20_000)
    if (millis === undefined) return tell({ _tag: "Unfit", ...told })
    if (millis > quickMillis && (pass === "some" || pass === "quick")) return tell({ _tag: "Slower", ...told })
    if (pass === "slow" && millis < quickMillis / 2) return
    if ((pass === "slow" || pass === "whole") && millis > slowMillis) return
    const limitMillis = Math.max(1000, 20 * millis)
    for (const [mutant, hits] of reached) await tryMutant(test, mutant, hits, limitMillis)
  }

  override onAfterRunFiles(files: Array<RunnerTestFile>): void {
    tell({ _tag: "Spent", millis: spent })
    super.onAfterRunFiles(files)
  }
}
