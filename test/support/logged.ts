/** The log of an effect. */
import { Effect, Logger } from "effect"

/** A logger, and the messages of the warnings that contain a text. */
export const warner = (text = "") => {
  const warnings: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    const said = String(message)
    // The test clock warns on a busy machine, after a second.
    if (logLevel === "Warn" && said.includes(text) && !said.startsWith("A test is using time")) warnings.push(said)
  })
  return { logger, warnings }
}

/** The warnings of an effect and of the layers in it, by their messages. */
export const warningsOf = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.suspend(() => {
    const { logger, warnings } = warner()
    // Logs are written by fibers of their own.
    const settled = Effect.andThen(self, Effect.repeat(Effect.yieldNow, { times: 20 }))
    return Effect.as(Effect.provide(settled, Logger.layer([logger])), warnings)
  })
