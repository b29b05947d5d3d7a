/** Tells how a read was answered: to the span of its caller, and to all detectors, from the innermost outwards. */
import { type Answer, tellSpan, type Told } from "#platform/engine/telemetry/tellSpan"
import { dependsOnOf } from "#platform/store/markers/dependsOn"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Detected, DetectedValue } from "../../../CacheEvent.ts"
import type { Telemetry } from "./telemetry.ts"

/** Runs a read of an engine in a span. */
export type Trace = (engine: any, fiber: Fiber.Fiber<any, any>, request: any) => Effect.Effect<any, any, any>

export interface Detector {
  /** `undefined` once the detector's scope has ended. A fiber forked inside the scope may still read after that. */
  found: Pick<Array<Detected>, "push"> | undefined
  readonly values: boolean
  readonly outer: Detector | undefined
  /** `Cached.traceReads`: runs a read in a span. The loads that the detector sees trace their reads, too. */
  readonly trace?: Trace | undefined
}

interface Reading extends Told {
  readonly policy: { readonly detector: Detector | undefined }
}

/** Tells an answer to the span of the caller and to the detectors around the read. */
export const report = (self: Telemetry, reading: Reading, id: string, answer: Answer): void => {
  tellSpan(self, reading, id, answer)
  const { policy: { detector }, request: { strategy } } = reading
  if (detector !== undefined) detect(detector, id, strategy.name, answer)
}

export const detect = (first: Detector | undefined, id: string, strategy: string, answer: Answer): void => {
  const { entry, exit, now, source } = answer
  const detected: Detected = {
    key: id,
    source,
    ageMillis: entry === undefined ? 0 : Math.max(0, now - entry.createdAt),
    ttlMillis: entry === undefined ? 0 : Math.max(0, entry.expiresAt - now),
    strategy,
    ...dependsOnOf(entry?.tags)
  }
  for (let detector = first; detector !== undefined; detector = detector.outer) {
    const withValue: DetectedValue | undefined = detector.values ? { ...detected, exit } : undefined
    detector.found?.push(withValue ?? detected)
  }
}
