/** The span of a load, linked to the spans of its callers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { spanLinks } from "../../defaults.ts"

/** The span of a load. */
export interface Trace {
  /** once the load has begun */
  span: Tracer.Span | undefined
  /** links to the spans of the callers */
  links: Array<Tracer.SpanLink> | undefined
}

/** The part of a flight that tracing needs. */
interface Traced {
  readonly id: string
  readonly refresh: boolean
  readonly trace: Trace
}

/** Links the load to the span of one more caller. */
export const linkTo = (trace: Trace, span: Tracer.AnySpan): void => {
  const links = trace.links ??= []
  // one span often has many reads at once
  if (links.length >= spanLinks || links.some((link) => link.span === span)) return
  const link: Tracer.SpanLink = { span, attributes: {} }
  links.push(link)
  trace.span?.addLinks([link])
}

/**
 * The load in a root span of its own, linked to the spans of its callers: it may outlive the span it was started in.
 */
export const traced = (
  { id, refresh, trace }: Traced,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> => {
  const observed = Effect.withFiber((fiber) => {
    const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
    if (span?._tag === "Span") trace.span = span
    return load
  })
  // suspended: callers may join before it begins
  return Effect.suspend(() =>
    trace.links === undefined ? load : Effect.withSpan(observed, "effect-cached.load", {
      root: true,
      links: trace.links,
      attributes: { "cache.key": id, "cache.refresh": refresh }
    })
  )
}
