/** Defaults of guards, and bounds of their state. Times are in milliseconds. */

/** Options of guards. */
export const guard = {
  /** `locked`: no limit. */
  waitMillis: Infinity,
  /** `circuitBreaker` without a condition: failures in a row. */
  failures: 5,
  minimumCalls: 10,
  windowMillis: 60_000,
  openMillis: 30_000,
  probeMillis: 30_000,
  /** `bloom`: the share of items reported as added that were not. */
  errorRate: 0.01
}

/**
 * State of guards. Memory keeps `states` of a kind, and each new one checks `looksOfNew` others and removes the expired
 * ones. A log has at most `longestLog` times. An unused circuit is forgotten after `idleMillis`. Storage that has
 * failed is asked again after `restMillis`. Windows, bans and open times last a century at most.
 */
export const guards = {
  states: 100_000,
  looksOfNew: 2,
  longestLog: 10_000,
  idleMillis: 3_600_000,
  restMillis: 1000,
  longestMillis: 3_155_760_000_000
}

/**
 * Filters: bytes of a block, layers of a filter, blocks in one step, filters that a process remembers, and the limits
 * of memory and of numbers beyond which a filter is refused.
 */
export const filters = {
  blockBytes: 4096,
  layers: 24,
  chunk: 64,
  known: 1000,
  mostItems: 1_000_000_000,
  leastErrorRate: 0.000_000_000_001
}
