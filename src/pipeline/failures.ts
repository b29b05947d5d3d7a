/** The rows that fail: their file, and the texts of their errors. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import { inspect } from "node:util"
import * as Drafts from "./drafts.ts"
import type * as Output from "./output.ts"
import { inLine, PipelineError } from "./PipelineError.ts"

export interface Counts {
  rows: number
  saved: number
  failed: number
  skipped: number
}

type Failed = Pick<Output.Result, "number" | "row">

/** Counts failed rows, and writes them to the file of failures, which begins with the first one. */
export const failing = (failures: string | false, counts: Counts, scope: Scope.Scope, output = "output") => {
  let draft: Drafts.Draft | undefined
  const fail = Effect.fnUntraced(function*({ number, row }: Failed, error: string) {
    counts.failed++
    if (failures === false) return
    draft ??= yield* Scope.provide(Drafts.draft(failures), scope)
    yield* Drafts.append(draft, [lineOf({ row: number, error, input: row })])
  })
  const unfit = (result: Failed, problem: string, file = output) =>
    fail(result, textOf(new PipelineError({ file, reason: "Content", row: result.number, problem })))
  return { fail, unfit, draft: () => draft }
}

export const textOf = (error: unknown): string => {
  if (typeof error === "string") return inLine(error)
  try {
    const { _tag: tag, message } = (Predicate.isObject(error) ? error : {}) as { _tag?: unknown; message?: unknown }
    return inLine([tag, message].filter((part) => typeof part === "string" && part !== "").join(": ") || String(error))
  } catch {
    return "an error without a text"
  }
}

const lineOf = (failure: { readonly row: number; readonly error: string; readonly input: unknown }): string => {
  const write = (given: typeof failure) =>
    `${JSON.stringify(given, (_, value) => typeof value === "bigint" ? String(value) : value)}\n`
  try {
    return write(failure)
  } catch {
    // A row of a stream may have no JSON form, such as a circular one.
    return write({ ...failure, input: inspect(failure.input) })
  }
}
