/** Deliberate faults of stores on PostgreSQL. */
import type { UnitFault } from "../fault.ts"

const by = "test/servers/postgres.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "the cache's own statements run inside the transaction of the program",
    in: "outside",
    find: "Context.omit(self.sql.transactionService)(context as Context.Context<any>)",
    replace: "context",
    by
  },
  {
    name: "notifications count as received before one has arrived",
    in: "changes",
    find: "isHeard: false,",
    replace: "isHeard: true,",
    by
  },
  {
    name: "changes that were removed before they were read go unnoticed",
    in: "poll",
    find: "head[3] === true ||",
    replace: "",
    by
  },
  {
    name: "a schema of a newer release is used",
    in: "migrate",
    find: "if (present === format) return",
    replace: "if (present >= format) return",
    by
  }
]
