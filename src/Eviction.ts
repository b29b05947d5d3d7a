/**
 * Eviction policies select the entry to remove when memory is full and no entry has expired. Memory contains only
 * complete results, so a running load is never evicted. The built-in policies are names: see the option `eviction` of
 * `CacheLayer.memory`.
 * @since 0.1.0
 */
export type { Eviction, Node, Policy } from "./ports/eviction.ts"
