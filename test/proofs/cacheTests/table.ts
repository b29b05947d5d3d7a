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
  ["shared", "undici"],
  ["shared", "server memory"],
  ["shared", "server disk"],
  ["shared", "server redis"],
  ["shared", "server default"],
  ["shared", "varnish"],
  ["shared", "nginx"]
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

type Kind = Verdict["kind"]

export const table = (outcomes: ReadonlyArray<Outcome>): string => {
  const row = (title: string, mode: Mode, kind: Kind, caches: ReadonlyArray<string>) => {
    const shares = caches.map((cache) =>
      shareOf(outcomes.find((one) => one.mode === mode && one.cache === cache), kind)
    )
    return `| ${[title, ...shares].join(" | ")} |`
  }
  const kinds = ["required", "optimal"] as const
  const client = (["private", "shared"] as const).flatMap((mode) =>
    kinds.map((kind) => row(`${mode}, ${kind}`, mode, kind, ["memory", "disk", "undici"]))
  )
  const server = kinds.map((kind) =>
    row(kind, "shared", kind, ["server memory", "server disk", "server redis", "server default", "varnish", "nginx"])
  )
  return [
    ...["| client | over memory | over disk | undici |", "|---|---|---|---|", ...client, ""],
    ...[
      "| server | over memory | over disk | over Redis | default options | Varnish | nginx |",
      "|---|---|---|---|---|---|---|",
      ...server
    ]
  ].join("\n")
}
