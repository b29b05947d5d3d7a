/** Defaults of guards, and bounds of their state. Times are in milliseconds. */

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
 * Memory keeps `states` of a kind, and each new one checks `looksOfNew` others for expired ones. An unused circuit is
 * forgotten after `idleMillis`. Storage that has failed is asked again after `restMillis`. `longestMillis`: a century.
 */
export const guards = {
  states: 100_000,
  looksOfNew: 2,
  longestLog: 10_000,
  idleMillis: 3_600_000,
  restMillis: 1000,
  longestMillis: 3_155_760_000_000
}

/** Filters: bytes of a block, layers of a filter, blocks in one step, filters that a process remembers, and limits. */
export const filters = {
  blockBytes: 4096,
  layers: 24,
  chunk: 64,
  known: 1000,
  mostItems: 1_000_000_000,
  leastErrorRate: 0.000_000_000_001
}
