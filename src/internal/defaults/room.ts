/** How stores on servers are kept below their `maxSize`. Times are in milliseconds. */

/** How often a process cleans up, if it does not write much. */
export const tidyMillis = 60_000

/** The pause before a clean-up, so that a process that writes much does not clean up all the time. */
export const pauseMillis = 100

/** How long the turn of a process lasts that does not prolong it, for example because it was killed. */
export const turnMillis = 30_000

/**
 * The share of `maxSize` that a clean-up frees beyond what is necessary, and which a process may write before it cleans
 * up again.
 */
export const slack = 1 / 16

/** How uses are noted: the share of an entry's life for which a noted use counts, and limits of that time. */
export const uses = {
  shareOfLife: 0.1,
  leastMillis: 1000,
  endlessMillis: 3_600_000,
  /** How long uses are collected before they are sent to the storage. */
  tellMillis: 1000,
  /** How many uses are collected. Further ones are noted by a later read. */
  most: 10_000
}
