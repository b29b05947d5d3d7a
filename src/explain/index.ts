/**
 * Explains why an id is cached or not, and describes a cache for bug reports.
 * @since 0.1.0
 */
export * as Explanation from "./Explanation.ts"
export { report } from "./report.ts"
