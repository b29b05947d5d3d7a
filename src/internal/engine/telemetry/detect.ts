/** How single reads were answered, for those who want to know. */
import type { Timing } from "../../../CacheEntry.ts"
import type { Detected, Source } from "../../../CacheEvent.ts"

/** Collects how reads are answered: those of an inner scope are told to the outer ones too. */
export interface Detector {
  /** none once it has ended: what was forked in it may read for ever */
  found: Array<Detected> | undefined
  readonly outer: Detector | undefined
}

/** Notes how a read was answered, for those who want to know. */
export const detect = (
  first: Detector | undefined,
  id: string,
  strategy: string,
  answer: { readonly source: Source; readonly entry: Timing | undefined; readonly now: number }
): void => {
  const { entry, now, source } = answer
  const detected: Detected = {
    key: id,
    source,
    ageMillis: entry === undefined ? 0 : Math.max(0, now - entry.createdAt),
    ttlMillis: entry === undefined ? 0 : Math.max(0, entry.expiresAt - now),
    strategy
  }
  for (let detector = first; detector !== undefined; detector = detector.outer) detector.found?.push(detected)
}
