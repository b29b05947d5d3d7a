/** Makes chosen steps of node's file system fail. */
import { Effect } from "effect"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

type Step = "writeFileSync" | "renameSync" | "linkSync" | "unlinkSync" | "utimesSync" | "openSync" | "mkdirSync"

export const writing: ReadonlyArray<Step> = [
  "writeFileSync",
  "renameSync",
  "linkSync",
  "utimesSync",
  "openSync",
  "mkdirSync"
]

/** While the scope is open, these functions of the file system fail as long as `when` says so. */
export const failing = (steps: ReadonlyArray<Step>, code: string, when: (call: number) => boolean = () => true) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let calls = 0
      const original = steps.map((step) => [step, fs[step]] as const)
      for (const [step, run] of original) {
        fs[step] = ((...input: Array<never>) => {
          // Reading opens files too.
          const counts = step !== "openSync" || input[1] === "a" as never
          if (counts && when(calls++)) {
            // The file is there, and empty.
            if (step === "writeFileSync" && code === "ENOSPC") fs.closeSync(fs.openSync(input[0]!, "w"))
            throw Object.assign(new Error(`${code}: ${step}`), { code })
          }
          return (run as (...input: Array<never>) => unknown)(...input)
        }) as never
      }
      syncBuiltinESMExports()
      return original
    }),
    (original) =>
      Effect.sync(() => {
        for (const [step, run] of original) fs[step] = run as never
        syncBuiltinESMExports()
      })
  )
