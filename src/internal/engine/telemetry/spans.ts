/** The span of a load, linked to those of all who wait for it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { spanLinks } from "../../defaults.ts"

/** What a load is traced by. */
interface Traced {
  readonly id: string
  readonly refresh: boolean
  /** of the fiber that started the load */
  readonly context: Context.Context<never>
  /** of the load, once that has begun */
  span: Tracer.Span | undefined
  /** to the spans of those who wait for the load */
  links: Array<Tracer.SpanLink> | undefined
}

/** One more caller waits for the load. */
export const linkTo = (flight: Traced, span: Tracer.AnySpan): void => {
  const links = flight.links ??= []
  // reads of one span are often many at once
  if (links.length >= spanLinks || links.some((link) => link.span === span)) return
  const link: Tracer.SpanLink = { span, attributes: {} }
  links.push(link)
  flight.span?.addLinks([link])
}

/** The load may outlive the span it was started in: a span of its own, linked to those of all who wait for it. */
export const traced = (
  flight: Traced,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> => {
  const starter = Context.getOrUndefined(flight.context, Tracer.ParentSpan)
  if (starter !== undefined) linkTo(flight, starter)
  const observed = Effect.withFiber((fiber) => {
    const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
    if (span?._tag === "Span") flight.span = span
    return load
  })
  // suspended: others may join before it begins
  return Effect.suspend(() =>
    flight.links === undefined ? load : Effect.withSpan(observed, "effect-cached.load", {
      root: true,
      links: flight.links,
      attributes: { "cache.key": flight.id, "cache.refresh": flight.refresh }
    })
  )
}
