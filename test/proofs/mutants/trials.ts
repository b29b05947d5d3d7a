/** Runs tests and schedules with mutants. */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { BaseSequencer, createVitest, type TestSpecification, type Vitest } from "vitest/node"
import { root } from "../../deliberateFaults/fault.ts"
import { type Asked, paths, type Told } from "./asked.ts"
import type { Instrumented } from "./instrument.ts"

/** A mutant may leave nothing but a loop without an end. */
const hungMillis = 30_000
const scheduleMillis = 300_000

export type Trials = Awaited<ReturnType<typeof makeTrials>>

export const makeTrials = async ({ code }: Instrumented, files: ReadonlyArray<string>) => {
  mkdirSync(join(root, ".cache/mutants"), { recursive: true })
  writeFileSync(paths.code, JSON.stringify([...code]))
  const each = await makeVitest(code, true)
  const together = await makeVitest(code, false)
  return {
    /** Tries mutants with one file of the tests. */
    file: async (file: string, given: Omit<Asked, "files" | "active">): Promise<ReadonlyArray<Told>> => {
      const all: Array<Told> = []
      for (;;) {
        const met = new Set(all.map((line) => line._tag === "Killed" || line._tag === "Left" ? line.mutant : ""))
        await run(each, [file], { ...given, files, mutants: given.mutants.filter((mutant) => !met.has(mutant)) })
        const told = readTold()
        if (!told.some(({ _tag }) => _tag === "Static")) throw new Error("the sources cannot be imported")
        all.push(...told)
        if (told.at(-1)?._tag === "Spent") return all
        // The worker has ended, or was ended: because of the mutant that it tried last.
        const last = told.findLast((line) => "mutant" in line)
        if (last?._tag === "Trying") all.push({ ...last, _tag: "Killed", test: `${last.test} (hangs)` })
        else if (last?._tag !== "Left") throw new Error(`${file} does not end: ${JSON.stringify(told.at(-1))}`)
      }
    },
    /** Runs tests with one mutant, which is there from the first import on; answers the test that fails. */
    alone: async (tests: ReadonlyArray<string>, active: string): Promise<string | undefined> => {
      const fails = await run(together, tests, { files, mutants: [], active, pass: "some", budgetMillis: 0 })
      // Without any test: the sources cannot be loaded.
      return fails ? readTold().findLast((line) => "test" in line)?.test ?? tests[0] : undefined
    },
    /** Whether a schedule finds a mutant. */
    schedules: (args: ReadonlyArray<string>, mutant: string): boolean =>
      spawnSync(
        process.execPath,
        [
          ...[
            "--conditions=effect-cached-source",
            "--import",
            "./test/proofs/mutants/hooks.ts",
            "test/simulation/main.ts"
          ],
          ...["--stop", "--workers", "1", ...args]
        ],
        {
          cwd: root,
          stdio: "ignore",
          timeout: scheduleMillis,
          killSignal: "SIGKILL",
          env: { ...process.env, __STRYKER_ACTIVE_MUTANT__: mutant }
        }
      ).status !== 0
  }
}

class AsGiven extends BaseSequencer {
  override sort(files: Array<TestSpecification>) {
    return Promise.resolve(files)
  }
}

const makeVitest = async (code: ReadonlyMap<string, string>, isolate: boolean): Promise<Vitest> => {
  const resolve = { conditions: ["effect-cached-source"] }
  const load = (id: string) => code.get(id.split("?")[0]!)
  const vitest = await createVitest({
    root,
    config: false,
    watch: false,
    pool: "forks",
    isolate,
    bail: isolate ? 0 : 1,
    maxWorkers: 1,
    maxConcurrency: 1,
    silent: true,
    // It would keep the code of other mutants.
    fsModuleCache: false,
    reporters: [{}],
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    sequence: { sequencer: AsGiven },
    runner: join(root, "test/proofs/mutants/worker.ts"),
    setupFiles: [join(root, "test/proofs/mutants/setup.ts")]
  }, { resolve, ssr: { resolve }, plugins: [{ name: "mutants", enforce: "pre", load }] })
  await vitest.standalone()
  return vitest
}

/** Runs tests, and answers whether some fail. */
const run = async (vitest: Vitest, files: ReadonlyArray<string>, asked: Asked): Promise<boolean> => {
  writeFileSync(paths.asked, JSON.stringify(asked))
  writeFileSync(paths.told, "")
  let [lines, since] = [0, Date.now()]
  const timer = setInterval(() => {
    const told = readTold()
    if (told.length > lines) since = Date.now()
    lines = told.length
    const worker = told.find((line) => line._tag === "Pid")
    // On a busy machine, importing the sources may take as long.
    const isTrying = asked.active !== undefined || told.at(-1)?._tag === "Trying"
    if (Date.now() - since > hungMillis && isTrying && worker !== undefined) kill(worker.pid)
  }, 2000)
  const specifications = await vitest.globTestSpecifications(files.map((file) => join(root, file)))
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
  clearInterval(timer)
  return unhandledErrors.length > 0 || testModules.some((module) => module.state() === "failed")
}

/** Ends a worker, which may have ended already. */
const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {}
}

const readTold = (): ReadonlyArray<Told> =>
  readFileSync(paths.told, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))
