/** Log lines of the engine, annotated with the key they are about. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { infoOf, type Key } from "../../key/ofKey.ts"
import type { Telemetry } from "./telemetry.ts"

/** One id, and what it is the id of. */
export interface About {
  readonly id: string
  readonly key: Key
}

interface Details {
  readonly about?: About
  readonly cause?: Cause.Cause<unknown>
}

/** What log lines about an id are annotated with, the engine's own and those of a load. */
export const annotationsOf = ({ id, key }: About): { readonly [name: string]: string } => {
  const info = infoOf(key)
  return info === undefined ? { "cache.key": id } : { "cache.key": id, "cache.class": info.name }
}

export const warning = (self: Telemetry, message: string, details: Details = {}): void =>
  inBackground(self, Effect.logWarning, message, details)

export const debug = (self: Telemetry, message: string, details: Details): void =>
  inBackground(self, Effect.logDebug, message, details)

export const info = (self: Telemetry, message: string): void => inBackground(self, Effect.logInfo, message, {})

// logging is an effect, but what there is to log happens in synchronous steps
const inBackground = (
  self: Telemetry,
  log: typeof Effect.logInfo,
  message: string,
  { about, cause }: Details
): void => {
  const line = cause === undefined ? log(message) : log(message, cause)
  Effect.runForkWith(self.context)(about === undefined ? line : Effect.annotateLogs(line, annotationsOf(about)))
}
