import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Engine } from "./model.ts"

// logging is an effect, but what there is to log happens in synchronous steps
const inBackground = (self: Engine, effect: Effect.Effect<void>): void => {
  Effect.runForkWith(self.context)(effect)
}

export const warning = (self: Engine, message: string, cause?: Cause.Cause<unknown>): void =>
  inBackground(self, cause === undefined ? Effect.logWarning(message) : Effect.logWarning(message, cause))

export const debug = (self: Engine, message: string, cause: Cause.Cause<unknown>): void =>
  inBackground(self, Effect.logDebug(message, cause))

export const info = (self: Engine, message: string): void => inBackground(self, Effect.logInfo(message))
