/**
 * Tools for testing custom adapters, and programs that use a cache: a recording cache, a faulty store, a seeded
 * scheduler, virtual time, and the laws of stores, serializers and locks as values that any test framework can run.
 * @since 0.1.0
 */
export * as ChaosStore from "./ChaosStore.ts"
export { type LastingStorage, lastingStoreLaws } from "./lastingStoreLaws.ts"
export type { Law } from "./law.ts"
export { lockLaws } from "./lockLaws.ts"
export { type Recorded, RecordingCache } from "./RecordingCache.ts"
export * as SeededScheduler from "./SeededScheduler.ts"
export { serializerLaws } from "./serializerLaws.ts"
export { sharedStoreLaws } from "./sharedStoreLaws.ts"
export { simulate, type Simulation } from "./simulate.ts"
export { storeLaws } from "./storeLaws.ts"
export { withTimePassing } from "./withTimePassing.ts"
