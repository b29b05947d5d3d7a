/** The span of a load, with links to its callers' spans. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TracerSpanAnnotations, TracerTimingEnabled } from "effect/References"
import * as Tracer from "effect/Tracer"
import { spanLinks } from "../../defaults/bounds.ts"

export interface Trace {
  span: Tracer.Span | undefined
  readonly links: Array<Tracer.SpanLink>
}

interface Traced {
  readonly id: string
  readonly refresh: boolean
  trace: Trace | undefined
}

export const linkTo = (flight: Traced, span: Tracer.AnySpan): void => {
  const trace = flight.trace ??= { span: undefined, links: [] }
  const { links } = trace
  // Concurrent reads often run in the same span, which needs only one link.
  if (links.length >= spanLinks || links.some((link) => link.span === span)) return
  const link: Tracer.SpanLink = { span, attributes: {} }
  links.push(link)
  trace.span?.addLinks([link])
}

/**
 * Runs a load in a root span linked to its callers' spans, because the load may outlive the span that started it. The
 * span begins with the load, and is sampled if one of the spans linked by then is sampled. Without a tracer there is no
 * span: Effect's native tracer exports nothing and would add a kilobyte to every bundle.
 */
export const traced = (
  { id, refresh, trace }: Traced,
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
  const attributes = { ...fiber.getRef(TracerSpanAnnotations), "cache.key": id, "cache.refresh": refresh }
  for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
  trace.span = span
  return Effect.onExit(
    Effect.provideService(load, Tracer.ParentSpan, span),
    (exit) => Effect.sync(() => span.end(now(), exit))
  )
}
