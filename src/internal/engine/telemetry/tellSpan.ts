/** Adds an event to the span of a caller whose read waited, or was served a stale value. */
import type * as Clock from "effect/Clock"
import type * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import type { Timing } from "../../../CacheEntry.ts"
import type { Source } from "../../../CacheEvent.ts"
import type { Key } from "../../key/ofKey.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { annotationsOf } from "./log.ts"
import type { Telemetry } from "./telemetry.ts"

export interface Told {
  readonly request: {
    readonly key: Key
    readonly strategy: { readonly name: string }
    readonly batch?: unknown
  }
  readonly span: Tracer.AnySpan | undefined
  /** When the caller began to wait, in monotonic milliseconds. */
  readonly since?: number | undefined
  readonly context?: { readonly clock: Clock.Clock }
}

export interface Answer {
  readonly source: Source
  readonly entry: Timing & { readonly tags: ReadonlyArray<string> } | undefined
  readonly exit: Exit.Exit<unknown, unknown>
  readonly now: number
}

/** A hit adds no event, and a bulk read adds one for all its keys (`telling`). */
export const tellSpan = (
  self: Telemetry,
  { context, request: { batch, key }, since, span }: Told,
  id: string,
  { now, source }: Answer
): void => {
  if (batch !== undefined || source === "memory" || source === "store") return
  const waitedMillis = since === undefined ? 0 : Math.round(monotonicMillis(context!.clock) - since)
  telling(self, span, key, { id, source, now, waitedMillis })
}

interface Event {
  readonly id: string
  readonly source: Source
  readonly now: number
  readonly waitedMillis: number
}

export const telling = (
  self: Telemetry,
  span: Tracer.AnySpan | undefined,
  key: Key,
  { id, now, source, waitedMillis }: Event
): void => {
  if (span?._tag !== "Span" || !span.sampled) return
  span.event("effect-cached.read", BigInt(now) * 1_000_000n, {
    ...annotationsOf(self, { id, key }),
    "cache.source": source,
    "cache.waited_millis": waitedMillis
  })
}
