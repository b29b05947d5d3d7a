/** How a command ends if it cannot do what it was asked. */
import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/** The exit codes, which scripts use. */
export const codes = { failed: 1, misused: 2, no: 3, pipeClosed: 141 } as const

/** An end with a sentence for people, and an exit code. Without a sentence, the command has said everything. */
export class Failure extends Data.TaggedError("Failure")<{ readonly message: string; readonly code: number }> {
  override readonly [Runtime.errorReported] = false
  override get [Runtime.errorExitCode](): number {
    return this.code
  }
}

export const failed = (message: string): Failure => new Failure({ message, code: codes.failed })

export const misused = (message: string): Failure => new Failure({ message, code: codes.misused })

/** The command has answered, and the answer is no: nothing was found, or something is damaged. */
export const no = (message = ""): Failure => new Failure({ message, code: codes.no })
