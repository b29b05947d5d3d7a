/** The engine's logs, annotated with the key that they are about. */
import * as Effect from "effect/Effect"
import { onceWarnings } from "../../defaults/bounds.ts"
import { infoOf } from "../../key/ofKey.ts"
import type { About, Details, Telemetry } from "./telemetry.ts"

export type { About } from "./telemetry.ts"

/** The annotations of any log about an id, written by the engine or by a load. */
export const annotationsOf = ({ disguise }: Telemetry, about: About): { readonly [name: string]: string } => {
  if (disguise !== undefined) return disguise.annotationsOf(about)
  const { id, key } = about
  const info = infoOf(key)
  return info?.name === undefined ? { "cache.key": id } : { "cache.key": id, "cache.class": info.name }
}

export const warning = (self: Telemetry, message: string, details: Details = {}): void =>
  inBackground(self, Effect.logWarning, message, details)

export const warnOnce = (self: Telemetry, topic: string, message: string, details: Details = {}): void => {
  const { warned } = self
  if (warned.has(topic)) return
  if (warned.size >= onceWarnings) warned.clear()
  warned.add(topic)
  warning(self, message, details)
}

/** The topic under which a warning is logged once: the name of the key class or, for a string key, the cause. */
export const topicOf = ({ key }: About, cause?: string): string => infoOf(key)?.name ?? `~${cause}`

export const placeOf = (thrown: unknown): string | undefined => {
  try {
    return /\n.+:\d+:\d+/.exec((thrown as Error).stack!)?.[0]
  } catch {
    return undefined
  }
}

export const debug = (self: Telemetry, message: string, details: Details = {}): void =>
  inBackground(self, Effect.logDebug, message, details)

export const info = (self: Telemetry, message: string): void => inBackground(self, Effect.logInfo, message, {})

// Forked, because logging is an effect and the engine's steps are synchronous.
const inBackground = (
  self: Telemetry,
  log: typeof Effect.logInfo,
  message: string,
  details: Details
): void => {
  const [text, { about, cause }] = self.disguise?.line(message, details) ?? [message, details]
  const line = cause === undefined ? log(text) : log(text, cause)
  Effect.runForkWith(self.context)(about === undefined ? line : Effect.annotateLogs(line, annotationsOf(self, about)))
}
