/** Shows ids in the log lines of drivers as the cache does that uses them (`CacheLayer.withTelemetry`). */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** The id that a line names, and the fault whose message is part of the line. */
export interface Named {
  readonly other?: string
  /** The message of its cause is a driver's own, and may quote an id. */
  readonly fault?: { readonly cause?: unknown }
}

export type LineOf = (message: string, named: Named) => string

/** The engine sets it around the operations of its store, and for its background fibers. */
export const LineOf = Context.Reference<LineOf>("effect-cached/LineOf", { defaultValue: () => (message) => message })

export const logWarning = (message: string, named: Named): Effect.Effect<void> =>
  Effect.flatMap(LineOf, (line) => Effect.logWarning(line(message, named)))
