/** Spans for the steps of a load: operations of the store, and the wait for a lease. They are children of its span. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TracerTimingEnabled } from "effect/References"
import type * as Tracer from "effect/Tracer"
import type { Trace } from "./spans.ts"

type End = (result: string) => void

/** Begins a step. Its span is made when it has ended and its load has begun, because most flights load nothing. */
export const step = (
  trace: Trace | undefined,
  name: string,
  fiber: Fiber.Fiber<unknown, unknown>
): End | undefined => {
  const { tracer, tracerEnabled } = fiber.cache
  if (trace === undefined || tracer === undefined || !tracerEnabled) return undefined
  const clock = fiber.getRef(Clock.Clock)
  const now = () => fiber.getRef(TracerTimingEnabled) ? clock.currentTimeNanosUnsafe() : 0n
  const startTime = now()
  return (result) => {
    const endTime = now()
    const make = (parent: Tracer.Span): void => {
      if (!parent.sampled) return
      const span = tracer.span({
        name: `effect-cached.${name}`,
        parent: Option.some(parent),
        annotations: Context.empty(),
        links: [],
        startTime,
        kind: "client",
        root: false,
        sampled: true
      })
      span.attribute("cache.result", result)
      span.end(endTime, Exit.void)
    }
    if (trace.span !== undefined) return make(trace.span)
    const { began } = trace
    trace.began = (span) => {
      began?.(span)
      make(span)
    }
  }
}
