/** Mutants that no test can find, because the program means the same with them. */
export const equal: ReadonlyArray<{ readonly reason: string; readonly mutants: ReadonlyArray<string> }> = []
