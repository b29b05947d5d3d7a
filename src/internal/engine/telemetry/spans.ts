/** The span of a load, linked to the spans of its callers. */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { spanLinks } from "../../defaults/bounds.ts"

/** The span of a load. */
export interface Trace {
  /** once the load has begun */
  span: Tracer.Span | undefined
  /** links to the spans of the callers */
  readonly links: Array<Tracer.SpanLink>
}

/** The part of a flight that tracing needs. */
interface Traced {
  readonly id: string
  readonly refresh: boolean
  /** where somebody traces */
  trace: Trace | undefined
}

/** Links the load to the span of one more caller. */
export const linkTo = (flight: Traced, span: Tracer.AnySpan): void => {
  const trace = flight.trace ??= { span: undefined, links: [] }
  const { links } = trace
  // one span often has many reads at once
  if (links.length >= spanLinks || links.some((link) => link.span === span)) return
  const link: Tracer.SpanLink = { span, attributes: {} }
  links.push(link)
  trace.span?.addLinks([link])
}

/**
 * The load in a root span of its own, linked to the spans of its callers: it may outlive the span it was started in. To
 * be called when the load begins, because callers may join before.
 */
export const traced = (
  { id, refresh, trace }: Traced,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> => {
  if (trace === undefined) return load
  const options = { root: true, links: trace.links, attributes: { "cache.key": id, "cache.refresh": refresh } }
  return Effect.useSpan("effect-cached.load", options, (span) => {
    trace.span = span
    return Effect.provideService(load, Tracer.ParentSpan, span)
  })
}
