/** Runs tests and schedules with mutants. */
import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { BaseSequencer, createVitest, type TestSpecification, type Vitest } from "vitest/node"
import { root } from "../deliberateFaults/fault.ts"
import { type Asked, paths, type Told } from "./asked.ts"
import type { Instrumented } from "./instrument.ts"

export interface Met {
  /** The mutants that were found, each by a test. */
  readonly killed: ReadonlyMap<string, string>
  /** Those that a test fails with, but afterwards without them as well: they need a process of their own. */
  readonly left: ReadonlySet<string>
  /** Those whose code runs while the sources are imported. */
  readonly static: ReadonlySet<string>
  readonly spentMillis: ReadonlyMap<string, number>
  /** How many tests were too slow, and how many do not pass twice in one process. */
  readonly slower: number
  readonly unfit: ReadonlyArray<string>
}

export interface Trials {
  /** Tries mutants with one file of the tests. */
  readonly file: (file: string, asked: Omit<Asked, "files">) => Promise<Met>
  /** Tries one mutant, which is there from the start, with files of the tests; the one that found it. */
  readonly alone: (
    files: ReadonlyArray<string>,
    mutant: string
  ) => Promise<readonly [file: string, test: string] | undefined>
  /** Whether a schedule finds a mutant. */
  readonly schedules: (args: ReadonlyArray<string>, mutant: string) => Promise<boolean>
  readonly close: () => Promise<void>
}

/** A mutant may leave nothing but a loop without an end. */
const hungMillis = 30_000
const scheduleMillis = 300_000

export const makeTrials = async ({ code }: Instrumented, files: ReadonlyArray<string>): Promise<Trials> => {
  mkdirSync(join(root, ".cache/mutants"), { recursive: true })
  writeFileSync(paths.code, JSON.stringify([...code]))
  const each = await makeVitest(code, { isolate: true })
  const together = await makeVitest(code, { isolate: false, bail: 1 })

  const file = async (file: string, given: Omit<Asked, "files">): Promise<Met> => {
    const killed = new Map<string, string>()
    const left = new Set<string>()
    const met = {
      killed,
      left,
      static: new Set<string>(),
      spentMillis: new Map<string, number>(),
      slower: 0,
      unfit: []
    }
    for (;;) {
      const mutants = given.mutants.filter((mutant) => !killed.has(mutant) && !left.has(mutant))
      await run(each, [file], { ...given, mutants, files })
      const told = readTold()
      for (const line of told) note(met, line)
      if (told.some(({ _tag }) => _tag === "Spent")) return met
      // The worker has ended, or was: because of the mutant that it tried last.
      const last = told.findLast(({ _tag }) => _tag === "Trying" || _tag === "Killed" || _tag === "Left")
      if (last?._tag === "Trying") killed.set(last.mutant, `${last.test} (hangs)`)
      else if (last?._tag !== "Left") throw new Error(`${file} does not end: ${JSON.stringify(told.at(-1))}`)
    }
  }

  const alone: Trials["alone"] = async (tests, active) => {
    const failed = await run(together, tests, { files, mutants: [], active, millis: [0, 0], budgetMillis: 0 })
    const test = readTold().findLast(({ _tag }) => _tag === "Killed" || _tag === "Test")
    return failed === undefined
      ? undefined
      : [failed, (test as { readonly test?: string })?.test ?? "does not load"] as const
  }

  const schedules = (args: ReadonlyArray<string>, mutant: string): Promise<boolean> =>
    new Promise((resolve) => {
      const child = spawn(
        process.execPath,
        [
          ...["--conditions=effect-cached-source", "--import", "./test/mutants/hooks.ts", "test/simulation/main.ts"],
          ...["--stop", "--workers", "1", ...args]
        ],
        { cwd: root, stdio: "ignore", env: { ...process.env, __STRYKER_ACTIVE_MUTANT__: mutant } }
      )
      const timer = setTimeout(() => child.kill("SIGKILL"), scheduleMillis)
      child.once("exit", (code) => {
        clearTimeout(timer)
        resolve(code !== 0)
      })
    })

  return {
    file,
    alone,
    schedules,
    close: async () => {
      await each.close()
      await together.close()
    }
  }
}

const conditions = ["effect-cached-source"]

class AsGiven extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    return files
  }
}

const makeVitest = async (
  code: ReadonlyMap<string, string>,
  options: { readonly isolate: boolean; readonly bail?: number }
): Promise<Vitest> => {
  const vitest = await createVitest({
    root,
    config: false,
    watch: false,
    pool: "forks",
    maxWorkers: 1,
    maxConcurrency: 1,
    silent: true,
    // It would keep the code of other mutants.
    fsModuleCache: false,
    reporters: [{}],
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    sequence: { sequencer: AsGiven },
    runner: join(root, "test/mutants/worker.ts"),
    setupFiles: [join(root, "test/mutants/setup.ts")],
    ...options
  }, {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    plugins: [{ name: "mutants", enforce: "pre", load: (id) => code.get(id.split("?")[0]!) }]
  })
  await vitest.standalone()
  return vitest
}

/** The first file that failed. */
const run = async (vitest: Vitest, files: ReadonlyArray<string>, asked: Asked): Promise<string | undefined> => {
  writeFileSync(paths.asked, JSON.stringify(asked))
  writeFileSync(paths.told, "")
  let size = 0
  let since = Date.now()
  let hung: string | undefined
  const timer = setInterval(() => {
    const told = readTold()
    if (told.length > size) since = Date.now()
    size = told.length
    if (Date.now() - since < hungMillis) return
    since = Date.now()
    const worker = told.findLast((line) => line._tag === "Pid")
    if (worker === undefined) return
    hung = files[0]
    process.kill(worker.pid, "SIGKILL")
  }, 2000)
  try {
    const specifications = await vitest.globTestSpecifications(files.map((file) => join(root, file)))
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
    const failed = testModules.find((module) => module.state() === "failed")
    return failed?.relativeModuleId ?? hung ?? (unhandledErrors.length > 0 ? "an error outside of tests" : undefined)
  } finally {
    clearInterval(timer)
  }
}

const readTold = (): ReadonlyArray<Told> =>
  readFileSync(paths.told, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))

const note = (
  met: { -readonly [K in keyof Met]: Met[K] extends ReadonlyMap<infer A, infer B> ? Map<A, B> : any },
  told: Told
): void => {
  if (told._tag === "Killed") met.killed.set(told.mutant, told.test)
  else if (told._tag === "Left") met.left.add(told.mutant)
  else if (told._tag === "Static") met.static = new Set(told.mutants)
  else if (told._tag === "Slower") met.slower++
  else if (told._tag === "Unfit") met.unfit.push(told.test)
  else if (told._tag === "Spent") {
    for (const [mutant, millis] of Object.entries(told.millis)) {
      met.spentMillis.set(mutant, (met.spentMillis.get(mutant) ?? 0) + millis)
    }
  }
}
