/** Deliberate faults of stores on PostgreSQL. */
import { type Fault, faultsOf, foundBy, type UnitFault } from "../fault.ts"

const by = "test/servers/postgres.test.ts"
const byOrder = "test/servers/postgresOrder.test.ts"
const byFailover = "test/servers/postgresFailover.test.ts"
const byClosing = "test/servers/postgresClosing.test.ts"
const byRoom = "test/servers/postgresRoom.test.ts"
const byMissing = "test/servers/postgresMissing.test.ts"
const byPlans = "test/servers/postgresPlans.test.ts"

/** The consistency check between processes finds these too, but not every time. */
export const ordering: ReadonlyArray<Fault> = faultsOf([
  ["no generation in WHERE, over PostgreSQL", "leases", "AND x.generation = u.generation AND x.dies_at > t", ""],
  [
    "what commits after a later one is skipped, over PostgreSQL",
    "since",
    "x.xid = ANY(ARRAY(SELECT pg_snapshot_xip(${snapshot})))",
    "false"
  ],
  [
    "changes between two questions are skipped, over PostgreSQL",
    "poll",
    "self.snapshot = String(head[2])",
    `self.snapshot = String((yield* ask(self.session, "changes", statements.snapshot, []))[0]![0])`
  ],
  ["NOTIFY before commit, over PostgreSQL", "basics", "PERFORM pg_notify(${literal(channel)}, p_origin)", "NULL", {
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
  }],
  [
    "a marker without condition, over PostgreSQL",
    "tags",
    "WHILE (SELECT count(*) FROM ${s}.marker m WHERE m.tag = ANY(p_tags)) < cardinality(p_tags) LOOP",
    "FOR i IN 1..1 LOOP",
    { also: [{ in: "tags", find: "ON CONFLICT DO NOTHING", replace: "ON CONFLICT (tag) DO UPDATE SET seq = 0" }] }
  ]
])

export const faults: ReadonlyArray<UnitFault> = [
  ...ordering.map((fault) => ({ ...fault, by: byOrder })),
  ...foundBy(byPlans, [
    [
      "a question for changes filters all changes since a transaction began",
      "since",
      "x.xid >= pg_snapshot_xmax(${snapshot})",
      "x.xid >= pg_snapshot_xmin(${snapshot}) AND NOT pg_visible_in_snapshot(x.xid, ${snapshot})"
    ]
  ]),
  ...foundBy(byMissing, [
    ["a missing number begins no era", "basics", "IF FOUND THEN PERFORM ${s}.begin_era(''); END IF;", ""],
    [
      "a table of changes that was emptied is not noticed",
      "historyOf",
      "x.name || '/' || pg_relation_filenode(${literal(`${s}.change`)}::regclass)",
      "x.name || '/'"
    ],
    [
      "what is missing is made by each process at the same time",
      "create",
      "yield* ask(\"SELECT pg_advisory_xact_lock(hashtextextended($1::text, 2))\", [channel])",
      ""
    ],
    ["tokens of locks begin again", "script", "greatest(last_value, ${micros})", "1"]
  ]),
  ...foundBy(byOrder, [
    [
      "a marker that another process has just made is replaced",
      "tags",
      "ON CONFLICT DO NOTHING",
      "ON CONFLICT (tag) DO UPDATE SET version = excluded.version, seq = excluded.seq"
    ],
    [
      "a lease is granted by what its row was before another process left it",
      "lock",
      "WHERE x.key = p_keys[n] FOR UPDATE",
      "WHERE x.key = p_keys[n]"
    ],
    [
      "a lease is granted although another process has made the row of its id",
      "look",
      "was_made := FOUND",
      "was_made := true"
    ],
    [
      "a condition is judged by what a row was before another process left it",
      "writes",
      "WHERE x.key = p_keys[n] FOR UPDATE",
      "WHERE x.key = p_keys[n]"
    ]
  ]),
  ...foundBy(by, [
    ["an inspection creates the schema that is missing", "isWhole", "(yield* OnlyExisting)", "false"],
    [
      "the cache's own statements run inside the transaction of the program",
      "outside",
      "Context.omit(self.sql.transactionService)(context as Context.Context<any>)",
      "context"
    ],
    ["notifications count as received before one has arrived", "changes", "isHeard: false,", "isHeard: true,"],
    ["changes that were removed before they were read go unnoticed", "poll", "head[3] === true ||", ""],
    ["a schema of a newer release is used", "isWhole", "if (present > format) {", "if (present > 999) {"],
    [
      "a lock that was taken while the statement waited for its row counts as one of a clock that was set back",
      "others",
      "x.until_at - x.lease_millis > ${clock}",
      "x.until_at - x.lease_millis > (extract(epoch FROM statement_timestamp()) * 1000)::float8"
    ],
    [
      "a transaction does not lock counters that exist",
      "counters",
      "ON CONFLICT (key) DO UPDATE SET whole = excluded.whole",
      "ON CONFLICT DO NOTHING"
    ],
    [
      "an operation that is interrupted while it waits lets later ones overtake the former",
      "inOrder",
      "isWaiting ? Effect.asVoid(Effect.forkDetach(Effect.andThen(turn, end))) : end",
      "end"
    ],
    [
      "a cache is cleared in the middle of a transaction",
      "tags",
      "PERFORM pg_advisory_xact_lock(hashtextextended(${literal(channel)}, 0));",
      ""
    ],
    ["all that has expired is removed in one step, which may never end in time", "prune", "LIMIT ${rowsOfStep}", ""],
    ["a snapshot from before a crash of the server is used after it", "poll", "head[4] === false", "false"],
    ["a process that stops within a transaction keeps its locks", "briefly", "'${statementMillis}'", "'0'"],
    ["transactions of the store begin like those of the program", "transaction", "asOwn(run)", "run"],
    [
      "a connection that is lost in the middle of a transaction is a defect",
      "typed",
      "isFailure ? Effect.fail(defect as E) : Effect.die(defect)",
      "isFailure && false ? Effect.fail(defect as E) : Effect.die(defect)"
    ]
  ]),
  ...foundBy(byFailover, [
    ["what a promoted replica lacks is not repeated", "repeat", "followed.timeline !== timeline", "false"],
    [
      "a process reads from a promoted replica before it has repeated its changes there",
      "recovered",
      "isDoubtful(session) ? Effect.andThen(recover(session), step) : step",
      "step"
    ],
    [
      "a transaction is not repeated on a promoted replica that lacks it",
      "transact",
      "note(self, request.steps.flatMap(changedBy))",
      ""
    ]
  ]),
  ...foundBy(byRoom, [
    [
      "entries are removed from a full database whether they were read or not",
      "noteUse",
      "self.uses.set(id, pause)",
      ""
    ],
    [
      "every read of an entry in a database writes its use",
      "pauseOf",
      "(expiresAt - createdAt) * Defaults.uses.shareOfLife",
      "0",
      { also: [{ in: "upkeep", find: "WHERE y.used_at <= t - u.pause", replace: "" }] }
    ],
    [
      "entries that are being loaded are removed from a full database",
      "upkeep",
      "x.size IS NOT NULL AND coalesce(x.dies_at <= t, true)",
      "x.size IS NOT NULL"
    ],
    ["all processes clean up a database at once", "cleanUp", "isTaken ?", "isTaken !== undefined ?"]
  ]),
  ...foundBy(byClosing, [
    [
      "a layer over the program's database waits for the answer to UNLISTEN",
      "listening",
      `Scope.make("parallel")`,
      "Scope.make()"
    ],
    ["a client that closes waits for servers that do not answer", "clientOf", "sockets.destroy()", ""],
    [
      "a step waits for the end of its transaction until it is answered",
      "transaction",
      "leftAlone(outside(self, repeated(typed(asOwn(run)))))",
      "outside(self, repeated(typed(asOwn(run))))"
    ]
  ])
]
