/** Why a pipeline has ended: a file that cannot be read or written. */
import * as Data from "effect/Data"
import { oneLine } from "../internal/text/oneLine.ts"

const longest = 300

export const inLine = (text: string): string => oneLine(text, longest)

/**
 * A file of a pipeline could not be read or written. Nothing was written in its place, and what the cache has stored
 * stays, so the next run continues.
 *
 * **Example** (Reading the message)
 *
 * ```ts
 * import { Pipeline } from "effect-cached/pipeline"
 *
 * const error = new Pipeline.PipelineError({
 *   file: "users.csv",
 *   reason: "Content",
 *   problem: "a quote is not closed",
 *   line: 7
 * })
 * error.message // => "users.csv, line 7: a quote is not closed"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class PipelineError extends Data.TaggedError("PipelineError")<{
  readonly file: string
  readonly reason: "Missing" | "Folder" | "Denied" | "Exists" | "Content" | "Unavailable"
  /** The fault, as a part of a sentence. */
  readonly problem: string
  /** The line of a CSV file, from 1. A quoted cell may span several lines. */
  readonly line?: number | undefined
  /** The row, from 1, without the header and without blank lines. */
  readonly row?: number | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const place = this.line !== undefined ? `, line ${this.line}` : this.row !== undefined ? `, row ${this.row}` : ""
    return `${inLine(this.file)}${place}: ${inLine(this.problem)}`
  }
}

type Reason = PipelineError["reason"]

const reasons: Readonly<Record<string, readonly [Reason, string]>> = {
  ENOENT: ["Missing", "there is no such file or folder"],
  ENOTDIR: ["Missing", "there is no such folder"],
  EISDIR: ["Folder", "it is a folder, not a file"],
  EACCES: ["Denied", "access is denied"],
  EPERM: ["Denied", "access is denied"],
  EROFS: ["Denied", "its folder is read-only"],
  ENOSPC: ["Unavailable", "no space is left on the disk"]
}

export const ofSystem = (file: string) => (cause: unknown): PipelineError => {
  if (cause instanceof PipelineError) return cause
  const code = String((cause as { readonly code?: unknown } | null)?.code)
  const [reason, problem] = reasons[code] ?? ["Unavailable", cause instanceof Error ? cause.message : String(cause)]
  return new PipelineError({ file, reason, problem, cause })
}
