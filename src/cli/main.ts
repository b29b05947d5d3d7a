/** The process of the command `effect-cached`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { run } from "./command.ts"
import { codes } from "./failure.ts"
import { complain, escape } from "./terminal.ts"

// A reader that closes the pipe has read enough, as in `effect-cached ls ./cache | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit(codes.pipeClosed)
    if (stream === process.stdout) complain(`effect-cached: The output cannot be written: ${escape(message)}`)
    process.exit(codes.failed)
  })
}
// The command itself explains what is experimental.
process.removeAllListeners("warning")
// Otherwise V8 would give most of a small heap to new objects, and collect the rest again and again.
if (getHeapStatistics().heap_size_limit < 536_870_912) setFlagsFromString("--semi-space-growth-factor=1")

NodeRuntime.runMain(run(process.argv.slice(2)), { disableErrorReporting: true })
