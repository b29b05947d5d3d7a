/** Processes that run tests in copies (`runner.ts`): one for each copy and its options, until `endRunners`. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Answer, Asked, Options, Ran } from "./runner.ts"

const runners = new Map<string, ChildProcess>()

/** Runs files of the tests in a copy; rejects if they take longer than `timeoutMillis`, or end their process. */
export const runIn = (
  copy: string,
  options: Options & { readonly timeoutMillis: number },
  asked: Asked
): Promise<ReadonlyArray<Ran>> => {
  const name = `${copy} ${JSON.stringify(options)}`
  const runner = runners.get(name) ?? start(name, copy, options)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => runner.kill("SIGKILL"), options.timeoutMillis)
    const end = () => {
      clearTimeout(timer)
      runner.off("message", onMessage).off("exit", onExit)
    }
    const onMessage = ({ ran }: Answer) => {
      end()
      resolve(ran)
    }
    const onExit = (code: number | null) => {
      end()
      reject(new Error(`${asked.files.join()}: vitest ended with ${code}, or took too long`))
    }
    runner.on("message", onMessage).on("exit", onExit).send(asked)
  })
}

const start = (name: string, copy: string, { bail, testTimeout }: Options): ChildProcess => {
  const runner = fork(join(copy, "test/deliberateFaults/runner.ts"), [JSON.stringify({ bail, testTimeout })], {
    cwd: copy,
    env: environment(),
    stdio: "ignore"
  })
  runners.set(name, runner)
  runner.once("exit", () => runners.delete(name))
  return runner
}

export const endRunners = async (): Promise<void> => {
  await Promise.all(Array.from(runners.values(), (runner) => {
    const exited = once(runner, "exit")
    runner.kill("SIGKILL")
    return exited
  }))
}

/** Without what the vitest around it has set, and without its report. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST") && !name.startsWith("TEST"))
  )
