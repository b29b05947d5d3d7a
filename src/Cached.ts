/**
 * The operations of the cache: combinators that cache effects, cached functions, and operations on entries. This file
 * only re-exports the files in `cached/`.
 * @since 0.1.0
 */
export { type CachedMany, getMany, many, setMany } from "./cached/bulk.ts"
export { type FoundEntry, getEntry, getOption, has, set, type SetOptions, touch } from "./cached/byHand.ts"
export { bits, type CachedBits, type CachedMembers, countInWindow, members } from "./cached/collections.ts"
export {
  failover,
  maxHits,
  probabilistic,
  refreshAhead,
  sliding,
  softTtl,
  ttl,
  untilInvalidated,
  withStrategy
} from "./cached/combinators.ts"
export { type CachedCounter, counter, counters } from "./cached/counters.ts"
export { annotate, annotated, type Annotations, notModified, type Previous, previous } from "./cached/duringLoad.ts"
export { detect, events, onRemoval } from "./cached/events.ts"
export { type CachedFn, type FailureOfSelf, fn, recursive } from "./cached/functions.ts"
export { clear, entries, resize, size, stats } from "./cached/inspect.ts"
export { invalidate, invalidateAfter } from "./cached/invalidation.ts"
export { logEvents } from "./cached/logEvents.ts"
export { make } from "./cached/make.ts"
export { getMatching } from "./cached/matching.ts"
export type { FallbackOptions, Inherit, ReadDefaults, ReadOptions } from "./cached/options.ts"
export { ranking } from "./cached/ranking.ts"
export { remove } from "./cached/remove.ts"
export { resolver } from "./cached/resolver.ts"
export { stream, type StreamEnd } from "./cached/stream.ts"
export type { Target } from "./cached/targets.ts"
export { traceReads } from "./cached/traceReads.ts"
export { transform } from "./cached/transform.ts"
export { update } from "./cached/update.ts"
export { keepFresh, warm, type WarmProgress } from "./cached/warm.ts"
export { withCache } from "./cached/withCache.ts"
