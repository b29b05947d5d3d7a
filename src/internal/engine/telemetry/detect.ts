/** Records how each read was answered, for all detectors around the read, from the innermost to the outermost. */
import { dependsOnOf } from "#platform/store/markers/dependsOn"
import type * as Exit from "effect/Exit"
import type { Timing } from "../../../CacheEntry.ts"
import type { Detected, DetectedValue, Source } from "../../../CacheEvent.ts"

export interface Detector {
  /** `undefined` once the detector's scope has ended. A fiber forked inside the scope may still read after that. */
  found: Array<Detected> | undefined
  readonly values: boolean
  readonly outer: Detector | undefined
}

export const detect = (
  first: Detector | undefined,
  id: string,
  strategy: string,
  answer: {
    readonly source: Source
    readonly entry: Timing & { readonly tags: ReadonlyArray<string> } | undefined
    readonly exit: Exit.Exit<unknown, unknown>
    readonly now: number
  }
): void => {
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
