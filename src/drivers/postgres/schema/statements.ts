/** The statements of the store on PostgreSQL. They name only the schema; all else is a parameter. */
import { statementMillis } from "../../../internal/defaults/sql.ts"
import { literal } from "../../shared/sql/client.ts"
import { sources } from "./functions.ts"
import { clock, type Source } from "./functions/source.ts"
import { historyOf, isCounted } from "./tables.ts"

/** The last column says how long ago the last noted use was, where uses are noted. */
const entryOf = (isBounded: boolean): string =>
  `x.frame, CASE WHEN x.is_touched THEN x.soft_at END, x.expires_at, x.is_constant, ${
    isBounded ? `${clock} - x.used_at` : "NULL::float8"
  }`

const nameOf = "x.key, x.whole"

const eraOf = (s: string): string => `(SELECT value FROM ${s}.number WHERE name = 'era')`

const reads = (s: string, isBounded: boolean) => {
  const era = eraOf(s)
  const entry = entryOf(isBounded)
  // A limit makes the server look up each key in the index, even before it has statistics of the table.
  const entryAt =
    `LATERAL (SELECT y.frame, y.is_touched, y.soft_at, y.expires_at, y.is_constant, y.used_at FROM ${s}.entry y
        WHERE y.key = u.key AND y.era = ${era} AND y.frame IS NOT NULL LIMIT 1) x`
  return {
    read: `SELECT 0, ${entry} FROM ${s}.entry x WHERE x.key = $1::bytea AND x.era = ${era}`,
    readMany: `SELECT u.n::integer, ${entry} FROM unnest($1::bytea[]) WITH ORDINALITY AS u(key, n), ${entryAt}`,
    /** Reads entries and markers of one moment. The numbers of markers are negative. */
    readTagged:
      `SELECT u.n::integer, ${entry}, NULL::text FROM unnest($1::bytea[]) WITH ORDINALITY AS u(key, n), ${entryAt}
      UNION ALL SELECT -u.n::integer, NULL, NULL, NULL, NULL, NULL, m.version
        FROM unnest($2::bytea[]) WITH ORDINALITY AS u(tag, n),
          LATERAL (SELECT y.version FROM ${s}.marker y WHERE y.tag = u.tag LIMIT 1) m`,
    scan: `SELECT ${nameOf}, length(x.frame), CASE WHEN length(x.frame) <= $4::integer THEN x.frame END,
        CASE WHEN x.is_touched THEN x.soft_at END, x.expires_at, x.is_constant
      FROM ${s}.entry x WHERE x.era = ${era} AND x.frame IS NOT NULL AND ($1::bytea IS NULL OR x.key > $1::bytea)
        AND (x.key >= $2::bytea AND x.key < $3::bytea OR x.key >= decode('ff', 'hex'))
      ORDER BY x.key LIMIT $5::integer`,
    scanLoads: `SELECT ${nameOf} FROM ${s}.entry x WHERE x.generation IS NOT NULL
        AND ($1::bytea IS NULL OR x.key > $1::bytea)
        AND (x.key >= $2::bytea AND x.key < $3::bytea OR x.key >= decode('ff', 'hex'))
      ORDER BY x.key LIMIT $4::integer`,
    size: `SELECT count(*)::float8 FROM ${s}.entry WHERE era >= ${era} AND ${isCounted}`
  }
}

/** Calls each function with all its parameters. Clients give lists of numbers as texts (`numbers` of the session). */
const calls = (s: string) => {
  const call = ([name, { args }]: readonly [string, Source]): readonly [string, string] => {
    const types = Array.from(args.matchAll(/\w+ ([\w[\]]+)/g), ([, type]) => type)
    const params = types.map((type, i) => `$${i + 1}::${type === "float8[]" ? "text[]::float8[]" : type}`)
    return [name, `SELECT * FROM ${s}.${name}(${params.join(", ")})`]
  }
  return Object.fromEntries(Object.entries(sources(s, "")).map(call)) as {
    readonly [Name in keyof ReturnType<typeof sources>]: string
  }
}

/** A process that stops within a transaction must not keep its locks. */
const briefly = `set_config('idle_in_transaction_session_timeout', '${statementMillis}', true)`

const positions = (s: string) => ({
  position: `SELECT pg_current_snapshot()::text, coalesce(pg_current_xact_id_if_assigned()::text, '')`,
  /** Transactions that check a position or clear the cache run alone, the others beside each other. */
  alone: `SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0)), ${briefly}`,
  beside: `SELECT pg_advisory_xact_lock_shared(hashtextextended($1::text, 0)), ${briefly}`,
  /**
   * After a crash, or in a replica, an unlogged table is empty. There, transactions may get numbers that snapshots of
   * the former history contain.
   */
  snapshot: `INSERT INTO ${s}.history AS x VALUES (0, $1::text) ON CONFLICT (id) DO UPDATE SET name = x.name
    RETURNING pg_current_snapshot()::text, ${historyOf(s)}`,
  /** A replica that takes the place of its server begins another timeline. */
  timeline: "SELECT substring(pg_walfile_name(pg_current_wal_lsn()) FROM 1 FOR 8)",
  notify: "SELECT pg_notify($1::text, $2::text)"
})

const counters = (s: string) => {
  const era = eraOf(s)
  const isLive = "x.era >= excluded.era AND x.expires_at > $5::float8"
  return {
    counter: `SELECT x.value::float8, x.expires_at FROM ${s}.counter x
      WHERE x.key = $1::bytea AND x.era = ${era} AND x.expires_at > $2::float8`,
    increment: `INSERT INTO ${s}.counter AS x (key, whole, era, value, expires_at, gone_at)
      VALUES ($1::bytea, $2::bytea, ${s}.era(), $3::text::bigint, $4::float8,
        ${clock} + ($4::float8 - $5::float8))
      ON CONFLICT (key) DO UPDATE SET era = greatest(x.era, excluded.era),
        value = CASE WHEN ${isLive} THEN x.value + excluded.value ELSE excluded.value END,
        expires_at = CASE WHEN ${isLive} THEN x.expires_at ELSE excluded.expires_at END,
        gone_at = CASE WHEN ${isLive} THEN x.gone_at ELSE excluded.gone_at END
      WHERE NOT (${isLive}) OR abs(x.value + excluded.value) <= ${Number.MAX_SAFE_INTEGER}
      RETURNING x.value::float8`,
    touchCounter: `UPDATE ${s}.counter x SET expires_at = $2::float8,
        gone_at = ${clock} + ($2::float8 - $3::float8)
      WHERE x.key = $1::bytea AND x.era = ${era} AND x.expires_at > $3::float8 RETURNING 1`,
    removeCounter: `DELETE FROM ${s}.counter x WHERE x.key = $1::bytea
      RETURNING x.era = ${era} AND x.expires_at > $2::float8`,
    scanCounters: `SELECT ${nameOf}, x.value::float8, x.expires_at FROM ${s}.counter x
      WHERE x.era = ${era} AND ($1::bytea IS NULL OR x.key > $1::bytea)
        AND (x.key >= $2::bytea AND x.key < $3::bytea OR x.key >= decode('ff', 'hex'))
      ORDER BY x.key LIMIT $4::integer`,
    /** Locks counters, even expired ones, and creates missing ones as expired. The last column says which are live. */
    holdCounters: `INSERT INTO ${s}.counter AS x (key, whole, era, value, expires_at, gone_at)
      SELECT u.key, u.whole, ${s}.era(), 0, '-Infinity', '-Infinity' FROM unnest($1::bytea[], $2::bytea[]) AS u(key, whole)
      ON CONFLICT (key) DO UPDATE SET whole = excluded.whole
      RETURNING x.key, x.whole, x.value::float8, x.expires_at, x.era = ${era} AND x.expires_at > $3::float8`,
    putCounters: `INSERT INTO ${s}.counter AS x (key, whole, era, value, expires_at, gone_at)
      SELECT u.key, u.whole, ${s}.era(), u.value::bigint, u.expires,
        ${clock} + (u.expires - $5::float8)
      FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[]::float8[]) AS u(key, whole, value, expires)
      ON CONFLICT (key) DO UPDATE SET era = excluded.era, value = excluded.value, expires_at = excluded.expires_at,
        gone_at = excluded.gone_at`
  }
}

const others = (s: string) => ({
  releaseMany: `SELECT ${s}.release(u.key, u.owner, NULL) FROM unnest($1::bytea[], $2::text[]) AS u(key, owner)`,
  seq: `SELECT ${s}.number_of('invalidations')::float8`,
  /** The physical size is never smaller, and known at once. */
  measure: `SELECT CASE WHEN pg_total_relation_size(${literal(`${s}.entry`)}::regclass) > $1::float8
    THEN (SELECT sum(x.size)::float8 FROM ${s}.entry x WHERE x.size IS NOT NULL) END`,
  /** Reads the clock again once it has the row: another process may have taken the lock in the meantime. */
  lock: `INSERT INTO ${s}.lock AS x (key, token, lease_millis, until_at)
    VALUES ($1::bytea, nextval(${literal(`${s}.token`)}), $2::float8, ${clock} + $2::float8)
    ON CONFLICT (key) DO UPDATE SET token = nextval(${literal(`${s}.token`)}), lease_millis = excluded.lease_millis,
      until_at = ${clock} + excluded.lease_millis
    WHERE x.until_at <= ${clock} OR x.until_at - x.lease_millis > ${clock}
    RETURNING x.token::text`,
  lockLeft: `SELECT x.until_at - ${clock} FROM ${s}.lock x
    WHERE x.key = $1::bytea`,
  renewLock: `UPDATE ${s}.lock x SET lease_millis = $3::float8,
      until_at = ${clock} + $3::float8
    WHERE x.key = $1::bytea AND x.token = $2::text::bigint
      AND x.until_at > ${clock} RETURNING 1`,
  unlock: `UPDATE ${s}.lock x SET until_at = 0
    WHERE (x.key, x.token) IN (SELECT u.key, u.token::bigint FROM unnest($1::bytea[], $2::text[]) AS u(key, token))`,
  guard: `SELECT x.state, t.now FROM (SELECT ${clock} AS now) t
    LEFT JOIN ${s}.guard x ON x.kind = $1::text AND x.key = $2::bytea AND x.expires_at > t.now`,
  readBits:
    `SELECT x.number, x.bits FROM ${s}.filter x WHERE x.key = $1::bytea AND x.number = ANY($2::text[]::integer[])`,
  lockBits: `SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 1)), ${briefly}`,
  writeBits: `INSERT INTO ${s}.filter AS x (key, number, bits)
    SELECT $1::bytea, u.number, u.bits FROM unnest($2::text[]::integer[], $3::bytea[]) AS u(number, bits)
    ON CONFLICT (key, number) DO UPDATE SET bits = excluded.bits`,
  removeBits: `DELETE FROM ${s}.filter x WHERE x.key = $1::bytea`
})

export const make = (s: string, isBounded: boolean) => ({
  ...reads(s, isBounded),
  ...calls(s),
  ...positions(s),
  ...counters(s),
  ...others(s)
})

export type Statements = ReturnType<typeof make>
