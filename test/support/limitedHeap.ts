/** Runs a program of the tests in a process whose heap V8 limits. */
import { spawnSync } from "node:child_process"

export const runWithHeap = (flags: ReadonlyArray<string>, program: string, ...args: ReadonlyArray<string>) =>
  spawnSync(
    process.execPath,
    ["--conditions=effect-cached-source", ...flags, "--no-warnings", program, ...args],
    { encoding: "utf8", timeout: 240_000, env: { ...process.env, NODE_OPTIONS: "" } }
  )
