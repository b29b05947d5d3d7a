/** A tracer of the program's own: without one the cache makes no spans. */
import { Effect, Tracer } from "effect"

/** Runs with a tracer that makes Effect's own spans. */
export const withTracer = Effect.withTracer(Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))
