/** Checks the results of a function of many. */
import * as Exit from "effect/Exit"

/** Returns what is wrong with a list that must have one `Exit` for each of `count` items, and the remedy. */
export const problemOf = (
  exits: unknown,
  count: number,
  { advice, item, list }: { readonly item: string; readonly list: string; readonly advice: string }
): string | undefined => {
  if (!Array.isArray(exits)) return `must return ${list}: ${advice}`
  if (exits.length !== count) return `got ${count} ${item}s and returned ${exits.length} results: ${advice}`
  // `every` would skip the holes of a sparse array.
  return exits.findIndex((exit) => !Exit.isExit(exit)) < 0
    ? undefined
    : `returned an element that is not an Exit: ${advice}`
}
