/** Runs the command `effect-cached` in this process, whose streams, folder and variables it has: one at a time. */
import { vi } from "@effect/vitest"
import { Effect } from "effect"
import { defaultTeardown } from "effect/Runtime"
import { Readable } from "node:stream"
import { run } from "../../src/cli/command.ts"
import type { Ran } from "./command.ts"

interface Options {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs the command to its end, without a terminal. */
export const command = async (args: ReadonlyArray<string>, { cwd, env = {}, input = "" }: Options): Promise<Ran> => {
  const ran = { stdout: "", stderr: "" }
  const before = process.cwd()
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text, ...[done]: ReadonlyArray<unknown>) => {
      ran[name] += String(text)
      if (typeof done === "function") done()
      return true
    })
  )
  const stdin = vi.spyOn(process, "stdin", "get").mockReturnValue(Readable.from([Buffer.from(input)]) as never)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  process.chdir(cwd)
  try {
    const exit = await Effect.runPromiseExit(run(args))
    return { status: await new Promise((done) => defaultTeardown(exit, done)), ...ran }
  } finally {
    process.chdir(before)
    vi.unstubAllEnvs()
    for (const spy of [stdin, ...spies]) spy.mockRestore()
  }
}
