/** Defaults of guards, and limits of their state. Times are in milliseconds. */

export const guard = {
  waitMillis: Infinity,
  /** The number of consecutive failures that open a `circuitBreaker` for which no condition is given. */
  failures: 5,
  minimumCalls: 10,
  windowMillis: 60_000,
  openMillis: 30_000,
  probeMillis: 30_000,
  errorRate: 0.01
}

/**
 * Memory keeps up to `states` states per kind of guard. Each new state triggers `looksOfNew` checks for expired ones.
 * An unused circuit is forgotten after `idleMillis`, and a failed store is asked again after `restMillis`.
 */
export const guards = {
  states: 100_000,
  looksOfNew: 2,
  longestLog: 10_000,
  idleMillis: 3_600_000,
  restMillis: 1000,
  longestMillis: 3_155_760_000_000
}

/** Bloom filters: bytes per block, layers per filter, blocks per step, filters known to a process, option limits. */
export const filters = {
  blockBytes: 4096,
  layers: 24,
  chunk: 64,
  known: 1000,
  mostItems: 1_000_000_000,
  leastErrorRate: 0.000_000_000_001
}
