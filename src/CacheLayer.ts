/**
 * Ready-made caches as layers. Provide a layer once, at the edge of the program, because two calls of `Effect.provide`
 * with the same layer make two caches. This file only re-exports the files in `layers/`.
 * @since 0.1.0
 */
export type { SizeInput } from "./internal/options/size.ts"
export * from "./layers/disabled.ts"
export * from "./layers/disk.ts"
export * from "./layers/files.ts"
export * from "./layers/memory.ts"
export * from "./layers/named.ts"
export { objects, type ObjectsOptions } from "./layers/objects.ts"
export type { LayerOptions, MemoryOptions } from "./layers/options.ts"
export { layer } from "./layers/overStore.ts"
export { postgres, type PostgresOptions } from "./layers/postgres.ts"
export { redis, type RedisOptions } from "./layers/redis.ts"
export { routed } from "./layers/routed.ts"
export { sql, type SqlOptions } from "./layers/sql.ts"
export { tiered } from "./layers/tiered.ts"
export { withDisabled } from "./layers/withDisabled.ts"
export { withHeapLimit } from "./layers/withHeapLimit.ts"
export { withQuotas } from "./layers/withQuotas.ts"
export { withTelemetry } from "./layers/withTelemetry.ts"
