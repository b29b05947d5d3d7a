/** The log of an effect. */
import { Effect, Logger } from "effect"

/** The warnings of an effect and of the layers in it, by their messages. */
export const warningsOf = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.suspend(() => {
    const messages: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      // The test clock warns on a busy machine, after a second.
      if (logLevel === "Warn" && !String(message).startsWith("A test is using time")) messages.push(String(message))
    })
    // Logs are written by fibers of their own.
    const settled = Effect.andThen(self, Effect.repeat(Effect.yieldNow, { times: 20 }))
    return Effect.as(Effect.provide(settled, Logger.layer([logger])), messages)
  })
