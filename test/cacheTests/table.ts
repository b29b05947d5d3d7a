/** The results as a table, and running the suite in processes of their own. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Mode, Verdict } from "./suite.ts"

export interface Outcome {
  readonly mode: Mode
  readonly cache: string
  readonly verdicts: ReadonlyArray<Verdict>
}

export const runs: ReadonlyArray<readonly [mode: Mode, cache: string]> = [
  ["private", "memory"],
  ["private", "disk"],
  ["private", "undici"],
  ["shared", "memory"],
  ["shared", "disk"],
  ["shared", "undici"]
]

/**
 * Runs the suite. Its tests have two seconds for what a busy machine does in three, so those that fail unexpectedly run
 * again, alone.
 */
export const runOne = async (
  suite: string,
  [mode, cache]: readonly [mode: Mode, cache: string],
  isExpected: (failed: Verdict) => boolean
): Promise<Outcome> => {
  const first = await runSome(suite, mode, cache, [])
  const failed = first.verdicts.filter((one) => one.verdict !== "pass" && !isExpected(one))
  if (failed.length === 0) return first
  const again = await runSome(suite, mode, cache, failed.map(({ id }) => id))
  const passed = new Map(again.verdicts.filter(({ verdict }) => verdict === "pass").map((one) => [one.id, one]))
  return { ...first, verdicts: first.verdicts.map((one) => passed.get(one.id) ?? one) }
}

const runSome = async (suite: string, mode: Mode, cache: string, only: ReadonlyArray<string>): Promise<Outcome> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      "--conditions=effect-cached-source",
      "--no-warnings",
      join(import.meta.dirname, "one.ts"),
      suite,
      mode,
      cache,
      ...only
    ],
    { maxBuffer: 1e8 }
  )
  return { mode, cache, verdicts: JSON.parse(stdout) }
}

export const notPassed = ({ verdicts }: Outcome): ReadonlyArray<Verdict> =>
  verdicts.filter(({ kind, verdict }) => kind === "required" && verdict !== "pass")

const shareOf = (outcome: Outcome | undefined, kind: Verdict["kind"]): string => {
  const all = outcome?.verdicts.filter((one) => one.kind === kind) ?? []
  return `${all.filter(({ verdict }) => verdict === "pass").length} of ${all.length}`
}

export const table = (outcomes: ReadonlyArray<Outcome>): string => {
  const find = (mode: Mode, cache: string) => outcomes.find((one) => one.mode === mode && one.cache === cache)
  const rows = (["private", "shared"] as const).flatMap((mode) =>
    (["required", "optimal"] as const).map((kind) =>
      `| ${mode}, ${kind} | ${
        ["memory", "disk", "undici"].map((cache) => shareOf(find(mode, cache), kind)).join(" | ")
      } |`
    )
  )
  return ["| mode, kind | over memory | over disk | undici |", "|---|---|---|---|", ...rows].join("\n")
}
