/**
 * The operations of the cache: combinators that cache effects, cached functions, and operations on entries. This file
 * only re-exports the files in `cached/`.
 * @since 0.1.0
 */
export * from "./cached/bulk.ts"
export { type FoundEntry, getEntry, getOption, has, set, type SetOptions, touch } from "./cached/byHand.ts"
export * from "./cached/collections.ts"
export * from "./cached/combinators.ts"
export * from "./cached/counters.ts"
export * from "./cached/duringLoad.ts"
export { detect, events, onRemoval } from "./cached/events.ts"
export * from "./cached/functions.ts"
export * from "./cached/inspect.ts"
export * from "./cached/invalidation.ts"
export * from "./cached/logEvents.ts"
export * from "./cached/make.ts"
export * from "./cached/matching.ts"
export type { FallbackOptions, Inherit, ReadDefaults, ReadOptions } from "./cached/options.ts"
export { ranking } from "./cached/ranking.ts"
export { remove } from "./cached/remove.ts"
export * from "./cached/resolver.ts"
export { stream, type StreamEnd } from "./cached/stream.ts"
export type { Target } from "./cached/targets.ts"
export { traceReads } from "./cached/traceReads.ts"
export * from "./cached/transform.ts"
export { update } from "./cached/update.ts"
export * from "./cached/warm.ts"
export * from "./cached/withCache.ts"
