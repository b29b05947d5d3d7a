/** The command `effect-cached`, as a function of its arguments. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { inspect } from "node:util"
import { version } from "../internal/version.ts"
import { exportCommand } from "./export.ts"
import { codes, failed, Failure, misused } from "./failure.ts"
import { importCommand } from "./import.ts"
import { invalidate } from "./invalidate.ts"
import { ls } from "./ls.ts"
import { migrate } from "./migrate.ts"
import { rm } from "./rm.ts"
import { schema } from "./schema.ts"
import { show } from "./show.ts"
import { stats } from "./stats.ts"
import { complain, escape, escapeLines } from "./terminal.ts"
import { top } from "./top.ts"
import { verify } from "./verify.ts"

const root = Command.make("effect-cached").pipe(
  Command.withDescription(
    "Looks into a cache, and changes it. A cache is a folder, like ./cache, or a URL.\n" +
      "  Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found or damaged"
  ),
  Command.withSubcommands([ls, show, stats, rm, invalidate, exportCommand, importCommand, verify, migrate, schema, top])
)

const toFailure = (error: unknown): Failure => {
  if (error instanceof Failure) return error
  if (CliError.isCliError(error)) {
    return new Failure({
      message: "",
      code: error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : codes.misused
    })
  }
  const { _tag, message } = error as { readonly _tag?: string; readonly message?: string }
  return _tag === "CacheConfigError"
    ? misused(String(message))
    : failed(String(message))
}

/** A wrong usage is answered with what is wrong, not with the whole help. */
const present: CliOutput.Presenter["present"] = (event) => {
  if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
  const path = event.commandPath.join(" ")
  const errors = event.errors.map(({ message }) => `effect-cached: ${escape(message.replaceAll(/\s*\n\s*/g, " "))}`)
  return Effect.sync(() => complain([...errors, `See ${path} --help`].join("\n")))
}

/** Runs the command to its end. It writes to the output of the process. */
export const run = (args: ReadonlyArray<string>) =>
  Command.runWith(root, { version })(args).pipe(
    Effect.catch((error) => {
      const failure = toFailure(error)
      if (failure.message !== "") complain(`effect-cached: ${escape(failure.message)}`)
      return Effect.fail(failure)
    }),
    // A mistake of the command itself. Its stack is what a report needs.
    Effect.tapDefect((defect) => Effect.sync(() => complain(`effect-cached: ${escapeLines(inspect(defect))}`))),
    Effect.provide(Layer.mergeAll(
      Layer.provideMerge(TerminalCapabilities.layer, NodeServices.layer),
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
      CliOutput.layerPresenter({ present }),
      // Standard output belongs to the answer.
      Logger.layer([Logger.withConsoleError(Logger.formatSimple)])
    ))
  )
