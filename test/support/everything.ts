/** Whether this run tests everything (`.ci/run`), as long as it takes, or a person waits for it (`npm test`). */
export const isEverything = process.env["CI"] !== undefined || process.env["ALL_FAULTS"] === "1"

/** As many, or as long, as this run has time for. */
export const sized = (everything: number, quick: number): number => isEverything ? everything : quick

/** All of them or, where a person waits, each third one: those of another third for another turn. */
export const thirdOf = <A>(all: ReadonlyArray<A>, turn = 0): ReadonlyArray<A> =>
  isEverything ? all : all.filter((_, i) => i % 3 === turn % 3)
