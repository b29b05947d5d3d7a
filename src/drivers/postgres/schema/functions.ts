/**
 * The functions of the store on PostgreSQL. Each runs as one statement, and so as one atomic step by the server's
 * clock. All lock the rows of ids before markers, in the order of their keys, so that calls seldom block each other.
 */
import { acquire } from "./functions/acquire.ts"
import { basics } from "./functions/basics.ts"
import { changes, writes } from "./functions/entries.ts"
import { leases } from "./functions/leases.ts"
import { positions } from "./functions/positions.ts"
import { statementOf } from "./functions/source.ts"
import { tags } from "./functions/tags.ts"
import { upkeep } from "./functions/upkeep.ts"

/** All functions, by their names. `channel` is the name of their notifications. */
export const sources = (s: string, channel: string) => ({
  ...basics(s, channel),
  ...writes(s),
  ...changes(s),
  acquire: acquire(s),
  ...leases(s),
  ...tags(s, channel),
  ...upkeep(s, channel),
  ...positions(s)
})

/** The statements that create the functions, by the names of these. */
export const functions = (s: string, channel: string): ReadonlyMap<string, string> =>
  new Map(Object.entries(sources(s, channel)).map(([name, source]) => [name, statementOf(s, name, source)]))
