/** Whether this run tests everything (`.ci/run`), as long as it takes, or a person waits for it (`npm test`). */
export const isEverything = process.env["CI"] !== undefined || process.env["ALL_FAULTS"] === "1"

/** As many, or as long, as this run has time for. */
export const sized = (everything: number, quick: number): number => isEverything ? everything : quick
