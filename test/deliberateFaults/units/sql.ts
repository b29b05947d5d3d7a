/** Deliberate faults of stores on PostgreSQL. */
import type { UnitFault } from "../fault.ts"

const by = "test/servers/postgres.test.ts"
const byRoom = "test/servers/postgresRoom.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an inspection creates the schema that is missing",
    in: "migrate",
    find: "(yield* OnlyExisting)",
    replace: "false",
    by
  },
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
  },
  {
    name: "a lock that was taken while the statement waited for its row counts as one of a clock that was set back",
    in: "others",
    find: "x.until_at - x.lease_millis > ${clock}",
    replace: "x.until_at - x.lease_millis > (extract(epoch FROM statement_timestamp()) * 1000)::float8",
    by
  },
  {
    name: "a transaction does not lock counters that exist",
    in: "counters",
    find: "ON CONFLICT (key) DO UPDATE SET whole = excluded.whole",
    replace: "ON CONFLICT DO NOTHING",
    by
  },
  {
    name: "an operation that is interrupted while it waits lets later ones overtake the former",
    in: "inOrder",
    find: "isWaiting ? Effect.asVoid(Effect.forkDetach(Effect.andThen(turn, end))) : end",
    replace: "end",
    by
  },
  {
    name: "a cache is cleared in the middle of a transaction",
    in: "tags",
    find: "PERFORM pg_advisory_xact_lock(hashtextextended(${literal(channel)}, 0));",
    replace: "",
    by
  },
  {
    name: "all that has expired is removed in one step, which may never end in time",
    in: "prune",
    find: "LIMIT ${rowsOfStep}",
    replace: "",
    by
  },
  {
    name: "a snapshot from before a crash of the server is used after it",
    in: "poll",
    find: "head[4] === false",
    replace: "false",
    by
  },
  {
    name: "a process that stops within a transaction keeps its locks",
    in: "briefly",
    find: "'${statementMillis}'",
    replace: "'0'",
    by
  },
  {
    name: "transactions of the store begin like those of the program",
    in: "atomically",
    find: "asOwn(run)",
    replace: "run",
    by
  },
  {
    name: "entries are removed from a full database whether they were read or not",
    in: "noteUse",
    find: "self.uses.set(id, pause)",
    replace: "",
    by: byRoom
  },
  {
    name: "every read of an entry in a database writes its use",
    in: "pauseOf",
    find: "(expiresAt - createdAt) * Defaults.uses.shareOfLife",
    replace: "0",
    also: [{ in: "upkeep", find: "WHERE y.used_at <= t - u.pause", replace: "" }],
    by: byRoom
  },
  {
    name: "entries that are being loaded are removed from a full database",
    in: "upkeep",
    find: "x.size IS NOT NULL AND coalesce(x.dies_at <= t, true)",
    replace: "x.size IS NOT NULL",
    by: byRoom
  },
  {
    name: "all processes clean up a database at once",
    in: "cleanUp",
    find: "isTaken ?",
    replace: "isTaken !== undefined ?",
    by: byRoom
  },
  {
    name: "a connection that is lost in the middle of a transaction is a defect",
    in: "typed",
    find: "isFailure ? Effect.fail(defect as E) : Effect.die(defect)",
    replace: "isFailure && false ? Effect.fail(defect as E) : Effect.die(defect)",
    by
  }
]
