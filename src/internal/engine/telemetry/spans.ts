/** The span of a load, with links to its callers' spans. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TracerSpanAnnotations, TracerTimingEnabled } from "effect/References"
import * as Tracer from "effect/Tracer"
import type { Events } from "../../../CacheEvent.ts"
import { spanLinks } from "../../defaults/bounds.ts"
import type { Key } from "../../key/ofKey.ts"
import { annotationsOf } from "./log.ts"
import type { Telemetry } from "./telemetry.ts"

export interface Trace {
  span: Tracer.Span | undefined
  readonly links: Array<Tracer.SpanLink>
  /** Why the result was not stored. */
  because?: Events["Refused"]["because"]
  /** Ends the span. Its time is the end of the load, however long the store takes. */
  end?: (outcome: Attributes) => void
  /** The attributes known at the end of the flight. Only an uninterruptible load ends after its flight. */
  outcome?: Attributes
  /** Makes the spans of the steps that preceded the load (`steps.ts`). */
  began?: (span: Tracer.Span) => void
}

type Attributes = { readonly [name: string]: unknown }

interface Traced {
  readonly engine: Telemetry
  readonly id: string
  readonly request: { readonly key: Key }
  readonly refresh: boolean
  trace: Trace | undefined
}

export const linkTo = (flight: Traced, span: Tracer.AnySpan): void => {
  const trace: Trace = flight.trace ??= { span: undefined, links: [] }
  const { links } = trace
  // Concurrent reads often run in the same span, which needs only one link.
  if (links.length >= spanLinks || links.some((link) => link.span === span)) return
  const link: Tracer.SpanLink = { span, attributes: {} }
  links.push(link)
  trace.span?.addLinks([link])
}

/** Ends the span at the end of the flight, or with the load if that runs longer. */
export const end = (trace: Trace, outcome: Attributes): void => {
  trace.outcome = outcome
  trace.end?.(outcome)
}

/**
 * Runs a load in a root span linked to its callers' spans, because the load may outlive the span that started it. The
 * span begins with the load, and is sampled if one of the spans linked by then is sampled. Without a tracer there is no
 * span: Effect's native tracer exports nothing and would add a kilobyte to every bundle.
 */
export const traced = (
  { engine, id, refresh, request, trace }: Traced,
  load: Effect.Effect<unknown, unknown, any>,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<unknown, unknown, any> => {
  const { tracer, tracerEnabled } = fiber.cache
  if (trace === undefined || tracer === undefined || !tracerEnabled) return load
  const { links } = trace
  const clock = fiber.getRef(Clock.Clock)
  const now = () => fiber.getRef(TracerTimingEnabled) ? clock.currentTimeNanosUnsafe() : 0n
  const span = tracer.span({
    name: "effect-cached.load",
    parent: Option.none(),
    annotations: Context.empty(),
    links: [...links],
    startTime: now(),
    kind: "internal",
    root: true,
    sampled: links.some((link) => link.span.sampled)
  })
  const annotate = (attributes: Attributes): void => {
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(name, value)
  }
  annotate({
    ...fiber.getRef(TracerSpanAnnotations),
    ...annotationsOf(engine, { id, key: request.key }),
    "cache.refresh": refresh
  })
  trace.span = span
  trace.began?.(span)
  return Effect.onExit(
    Effect.provideService(load, Tracer.ParentSpan, span),
    (exit) =>
      Effect.sync(() => {
        const endedAt = now()
        const end = (outcome: Attributes): void => {
          annotate(outcome)
          span.end(endedAt, engine.disguise?.exit(exit, id) ?? exit)
        }
        // The load was restarted while its finalizers still ran.
        if (trace.span !== span) return end({ "cache.outcome": "restarted" })
        trace.end = end
        if (trace.outcome !== undefined) trace.end(trace.outcome)
      })
  )
}
