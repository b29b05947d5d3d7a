/** Tracers of the program's own: without one the cache makes no spans. */
import { Effect, Layer, Tracer } from "effect"

const native = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

/** Runs with a tracer that makes Effect's own spans. */
export const withTracer = Effect.withTracer(native)

export const tracerLayer = Layer.succeed(Tracer.Tracer, native)

/** A tracer, and the spans that it has made. */
export const tracing = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}
