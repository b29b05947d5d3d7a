/** Defaults of guards, and bounds of their state. Times are in milliseconds. */

/** Options of guards. */
export const guard = {
  /** `locked`: without end */
  waitMillis: Infinity,
  /** `circuitBreaker`, where it is told no condition: failures in a row */
  failures: 5,
  minimumCalls: 10,
  windowMillis: 60_000,
  openMillis: 30_000,
  probeMillis: 30_000,
  /** `bloom`: the share of items that are taken for added, and were not */
  errorRate: 0.01
}

/**
 * State of guards. In memory so many `states` of a kind are kept, and each new one looks at `looksOfNew` others to remove
 * those that have expired. A log has `longestLog` times at most. A circuit that nobody asks for is forgotten after
 * `idleMillis`. A place that has failed is asked again after `restMillis`. Windows, bans and open times are a century at most.
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
 * Filters: bytes of a block, layers of a filter, blocks in one step, filters that a process remembers, and what is
 * refused because a memory or a number has no room for it.
 */
export const filters = {
  blockBytes: 4096,
  layers: 24,
  chunk: 64,
  known: 1000,
  mostItems: 1_000_000_000,
  leastErrorRate: 0.000_000_000_001
}
