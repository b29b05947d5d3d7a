/**
 * Makes a span for each read of an effect.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { Detected } from "../CacheEvent.ts"
import { read } from "../internal/engine/read/read.ts"
import { Current } from "../internal/engine/request/callPolicy.ts"
import type { Detector, Trace } from "../internal/engine/telemetry/detect.ts"
import { annotationsOf } from "../internal/engine/telemetry/log.ts"
import { idOf } from "../internal/key/ofKey.ts"
import { requireEffect } from "../internal/options/given.ts"

/**
 * Runs an effect in which each cached read has a span of its own, `effect-cached.read`, hits included. The loads that
 * the reads start trace their reads too.
 *
 * **When to use**
 *
 * Use for debugging, for a part of the program: it multiplies the spans. Without it, a hit makes no span, and a read
 * that waits adds an event to the span around it.
 *
 * **Details**
 *
 * A span has the attributes `cache.key`, `cache.class`, `cache.source`, `cache.age_millis` and `cache.strategy`. Each
 * answer of a bulk read or a stream has a span without length and key, made at the time of the answer.
 *
 * **Example** (Seeing each read in a trace)
 *
 * ```ts
 * import { Effect, Tracer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const spans: Array<Tracer.NativeSpan> = []
 * const tracer = Tracer.make({
 *   span: (options) => {
 *     const span = new Tracer.NativeSpan(options)
 *     spans.push(span)
 *     return span
 *   }
 * })
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(
 *   Effect.andThen(answer, answer).pipe(Cached.traceReads, Effect.provide(CacheLayer.memory()), Effect.withTracer(tracer))
 * )
 * spans.map((span) => span.attributes.get("cache.source") ?? span.name) // => ["load", "effect-cached.load", "memory"]
 * ```
 *
 * @see `Cached.detect` for the same as values
 * @category combinators
 * @since 0.1.0
 */
export const traceReads = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  requireEffect("Cached.traceReads", self)
  return Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Current)
    // Another `traceReads` around this one traces the reads already.
    if (policy.trace !== undefined) return self
    const parent = Context.getOrUndefined(fiber.context as Context.Context<never>, Tracer.ParentSpan)
    /** The ids of the reads that have a span, with the number of these. */
    const traced = new Map<string, number>()
    const count = (id: string, by: number): void => {
      const now = (traced.get(id) ?? 0) + by
      if (now === 0) traced.delete(id)
      else traced.set(id, now)
    }
    const trace: Trace = (engine, fiber, request) => {
      const id = idOf(request.key)
      const current = fiber.getRef(Current)
      const found: Array<Detected> = []
      const detector: Detector = { found, values: false, outer: current.detector, trace }
      const reading = Effect.provideService(
        Effect.withFiber((fiber) => read(engine, fiber, request)),
        Current,
        { ...current, trace: undefined, detector }
      )
      return Effect.useSpan(name, (span) => {
        annotate(span, annotationsOf(engine, { id, key: request.key }))
        count(id, 1)
        return Effect.onExit(Effect.provideService(reading, Tracer.ParentSpan, span), (exit) =>
          Effect.sync(() => {
            count(id, -1)
            const own = found.findLast(({ key }) => key === id)
            if (own === undefined) span.attribute("cache.strategy", request.strategy.name)
            else annotate(span, attributesOf(own))
            // Before `useSpan` ends it, whose error names ids.
            if (engine.disguise === undefined) return
            span.end(fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), engine.disguise.exit(exit, id))
          }))
      })
    }
    const detector: Detector & { found: { push: (detected: Detected) => number } | undefined } = {
      found: {
        push(detected) {
          if (traced.has(detected.key)) return 0
          const now = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
          const span = fiber.getRef(Tracer.Tracer).span({
            name,
            parent: Option.fromUndefinedOr(parent),
            annotations: Context.empty(),
            links: [],
            startTime: now,
            kind: "internal",
            root: parent === undefined,
            sampled: parent?.sampled ?? true
          })
          annotate(span, attributesOf(detected))
          span.end(now, Exit.void)
          return 0
        }
      },
      values: false,
      outer: policy.detector,
      trace
    }
    return Effect.onExit(Effect.provideService(self, Current, { ...policy, trace, detector }), () =>
      Effect.sync(() => {
        detector.found = undefined
      }))
  })
}

const name = "effect-cached.read"

const annotate = (span: Tracer.Span, attributes: { readonly [name: string]: unknown }): void => {
  for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
}

const attributesOf = ({ ageMillis, source, strategy }: Detected) => ({
  "cache.source": source,
  "cache.age_millis": ageMillis,
  "cache.strategy": strategy
})
