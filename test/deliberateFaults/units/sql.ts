/** Deliberate faults of stores on PostgreSQL. */
import type { Fault, UnitFault } from "../fault.ts"

const by = "test/servers/postgres.test.ts"
const byOrder = "test/servers/postgresOrder.test.ts"
const byFailover = "test/servers/postgresFailover.test.ts"
const byClosing = "test/servers/postgresClosing.test.ts"
const byRoom = "test/servers/postgresRoom.test.ts"
const byMissing = "test/servers/postgresMissing.test.ts"
const byPlans = "test/servers/postgresPlans.test.ts"

/** The consistency check between processes finds these too, but not every time. */
export const ordering: ReadonlyArray<Fault> = [
  {
    name: "no generation in WHERE, over PostgreSQL",
    in: "leases",
    find: "AND x.generation = u.generation AND x.dies_at > t",
    replace: ""
  },
  {
    name: "what commits after a later one is skipped, over PostgreSQL",
    in: "since",
    find: "x.xid = ANY(ARRAY(SELECT pg_snapshot_xip(${snapshot})))",
    replace: "false"
  },
  {
    name: "changes between two questions are skipped, over PostgreSQL",
    in: "poll",
    find: "self.snapshot = String(head[2])",
    replace: `self.snapshot = String((yield* ask(self.session, "changes", statements.snapshot, []))[0]![0])`
  },
  {
    name: "NOTIFY before commit, over PostgreSQL",
    in: "basics",
    find: "PERFORM pg_notify(${literal(channel)}, p_origin)",
    replace: "NULL",
    also: [{
      in: "ask",
      find: "(ask) => ask(statement, params)",
      replace: `(ask) =>
        /^(set|commit|remove|touch|invalidateTags|clear)$/.test(operation)
          ? Effect.andThen(
            ask((self as Session).statements.notify, [(self as Session).channel, (self as Session).origin]),
            Effect.delay(ask(statement, params), 20)
          )
          : ask(statement, params)`
    }]
  },
  {
    name: "a marker without condition, over PostgreSQL",
    in: "tags",
    find: "WHILE (SELECT count(*) FROM ${s}.marker m WHERE m.tag = ANY(p_tags)) < cardinality(p_tags) LOOP",
    replace: "FOR i IN 1..1 LOOP",
    also: [{ in: "tags", find: "ON CONFLICT DO NOTHING", replace: "ON CONFLICT (tag) DO UPDATE SET seq = 0" }]
  }
]

export const faults: ReadonlyArray<UnitFault> = [
  ...ordering.map((fault) => ({ ...fault, by: byOrder })),
  {
    name: "a question for changes filters all changes since a transaction began",
    in: "since",
    find: "x.xid >= pg_snapshot_xmax(${snapshot})",
    replace: "x.xid >= pg_snapshot_xmin(${snapshot}) AND NOT pg_visible_in_snapshot(x.xid, ${snapshot})",
    by: byPlans
  },
  {
    name: "a missing number begins no era",
    in: "basics",
    find: "IF FOUND THEN PERFORM ${s}.begin_era(''); END IF;",
    replace: "",
    by: byMissing
  },
  {
    name: "a table of changes that was emptied is not noticed",
    in: "historyOf",
    find: "x.name || '/' || pg_relation_filenode(${literal(`${s}.change`)}::regclass)",
    replace: "x.name || '/'",
    by: byMissing
  },
  {
    name: "what is missing is made by each process at the same time",
    in: "create",
    find: "yield* ask(\"SELECT pg_advisory_xact_lock(hashtextextended($1::text, 2))\", [channel])",
    replace: "",
    by: byMissing
  },
  {
    name: "tokens of locks begin again",
    in: "script",
    find: "greatest(last_value, ${micros})",
    replace: "1",
    by: byMissing
  },
  {
    name: "a marker that another process has just made is replaced",
    in: "tags",
    find: "ON CONFLICT DO NOTHING",
    replace: "ON CONFLICT (tag) DO UPDATE SET version = excluded.version, seq = excluded.seq",
    by: byOrder
  },
  {
    name: "a lease is granted by what its row was before another process left it",
    in: "lock",
    find: "WHERE x.key = p_keys[n] FOR UPDATE",
    replace: "WHERE x.key = p_keys[n]",
    by: byOrder
  },
  {
    name: "a lease is granted although another process has made the row of its id",
    in: "look",
    find: "was_made := FOUND",
    replace: "was_made := true",
    by: byOrder
  },
  {
    name: "a condition is judged by what a row was before another process left it",
    in: "writes",
    find: "WHERE x.key = p_keys[n] FOR UPDATE",
    replace: "WHERE x.key = p_keys[n]",
    by: byOrder
  },
  {
    name: "an inspection creates the schema that is missing",
    in: "isWhole",
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
    in: "isWhole",
    find: "if (present > format) {",
    replace: "if (present > 999) {",
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
    name: "what a promoted replica lacks is not repeated",
    in: "repeat",
    find: "followed.timeline !== timeline",
    replace: "false",
    by: byFailover
  },
  {
    name: "a process reads from a promoted replica before it has repeated its changes there",
    in: "recovered",
    find: "isDoubtful(session) ? Effect.andThen(recover(session), step) : step",
    replace: "step",
    by: byFailover
  },
  {
    name: "a transaction is not repeated on a promoted replica that lacks it",
    in: "transact",
    find: "note(self, request.steps.flatMap(changedBy))",
    replace: "",
    by: byFailover
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
    in: "transaction",
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
  },
  {
    name: "a layer over the program's database waits for the answer to UNLISTEN",
    in: "listening",
    find: `Scope.make("parallel")`,
    replace: "Scope.make()",
    by: byClosing
  },
  {
    name: "a client that closes waits for servers that do not answer",
    in: "clientOf",
    find: "sockets.destroy()",
    replace: "",
    by: byClosing
  },
  {
    name: "a step waits for the end of its transaction until it is answered",
    in: "transaction",
    find: "leftAlone(outside(self, repeated(typed(asOwn(run)))))",
    replace: "outside(self, repeated(typed(asOwn(run))))",
    by: byClosing
  }
]
