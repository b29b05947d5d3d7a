/** A progress bar on the error output, where that is a terminal; elsewhere nothing. */
import { Effect, Stdio, Stream } from "effect"
import type { Pipeline } from "effect-cached/pipeline"

const width = 30

const draw = (done: number, total: number) => {
  const filled = Math.round((width * done) / total)
  return `\r  ${"█".repeat(filled)}${"░".repeat(width - filled)} ${done} of ${total}`
}

const erase = "\r\x1b[2K"

/** Shows how many of `total` steps are done while an effect runs, which calls `step` after each. */
export const around = <A, E, R>(total: number, use: (step: Effect.Effect<void>) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const stdio = yield* Stdio.Stdio
    if (total === 0 || !(yield* stdio.stderrIsTerminal)) return yield* use(Effect.void)
    const show = (text: string) => Effect.ignore(Stream.run(Stream.succeed(text), stdio.stderr()))
    let done = 0
    yield* show(draw(done, total))
    const step = Effect.suspend(() => show(draw(++done, total)))
    return yield* Effect.ensuring(use(step), show(erase))
  })

/** Shows the progress of a pipeline in one line of a terminal; elsewhere nothing. */
export const line = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  if (!(yield* stdio.stderrIsTerminal)) return undefined
  return (progress: Pipeline.Progress) =>
    Effect.ignore(Stream.run(Stream.succeed(`${erase}  ${progress.text}`), stdio.stderr()))
})

export const clear = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  if (yield* stdio.stderrIsTerminal) yield* Effect.ignore(Stream.run(Stream.succeed(erase), stdio.stderr()))
})
