/** The tables of the store on PostgreSQL. One row holds all of an id, entry and lease, so that one lock covers it. */
import { literal } from "../../shared/sql/client.ts"

/** The time in microseconds. A number that begins with it is above all of a schema that was removed. */
export const micros = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

/** Whether a row is an entry that counts, and not the page of a stream. An index has just these. */
export const isCounted = "frame IS NOT NULL AND NOT (key >= '~:p:'::bytea AND key < '~:p;'::bytea)"

/** The name of a history of changes. A table of changes that was emptied or made again is another file. */
export const historyOf = (s: string): string =>
  `x.name || '/' || pg_relation_filenode(${literal(`${s}.change`)}::regclass)`

/** The names of the tables, and of the sequence. */
export const relations = (): ReadonlyArray<string> =>
  Array.from(script("").matchAll(/(?:TABLE|SEQUENCE) IF NOT EXISTS \.(\w+)/g), ([, name]) => name!)

/**
 * The statements that create what is missing. Times are in milliseconds. Those of entries and counters are of the
 * clients' clocks, all others of the server's.
 */
export const tables = (s: string): ReadonlyArray<string> =>
  script(s).split(";\n").map((statement) => statement.trim()).filter((statement) => statement !== "")

const script = (s: string): string => `
CREATE TABLE IF NOT EXISTS ${s}.number (name text PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 20);

CREATE TABLE IF NOT EXISTS ${s}.entry (
  key bytea PRIMARY KEY, whole bytea NOT NULL, era bigint NOT NULL,
  frame bytea, soft_at float8, expires_at float8, is_touched boolean, is_constant boolean,
  gone_at float8 NOT NULL DEFAULT '-Infinity',
  generation text, owner text, lease_millis float8, until_at float8, dies_at float8, joined_at float8,
  failures integer NOT NULL DEFAULT 0, failed_at float8, note bytea,
  used_at float8 NOT NULL DEFAULT 0, size integer GENERATED ALWAYS AS (length(frame)) STORED
) WITH (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05
);
ALTER TABLE ${s}.entry ALTER COLUMN frame SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS entry_gone_at ON ${s}.entry (gone_at) WHERE gone_at < 'Infinity';
CREATE INDEX IF NOT EXISTS entry_era ON ${s}.entry (era) WHERE ${isCounted};
CREATE INDEX IF NOT EXISTS entry_used_at ON ${s}.entry (used_at, size) WHERE size IS NOT NULL;

CREATE TABLE IF NOT EXISTS ${s}.change (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(), origin text NOT NULL, kind text NOT NULL, subject bytea,
  at float8 NOT NULL
);
CREATE INDEX IF NOT EXISTS change_xid ON ${s}.change (xid);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.history (id integer PRIMARY KEY, name text NOT NULL);

CREATE TABLE IF NOT EXISTS ${s}.marker (tag bytea PRIMARY KEY, whole bytea NOT NULL, version text NOT NULL, seq bigint NOT NULL);
CREATE INDEX IF NOT EXISTS marker_seq ON ${s}.marker (seq);

CREATE TABLE IF NOT EXISTS ${s}.counter (
  key bytea PRIMARY KEY, whole bytea NOT NULL, era bigint NOT NULL, value bigint NOT NULL, expires_at float8 NOT NULL,
  gone_at float8 NOT NULL
);
CREATE INDEX IF NOT EXISTS counter_gone_at ON ${s}.counter (gone_at) WHERE gone_at < 'Infinity';

CREATE SEQUENCE IF NOT EXISTS ${s}.token;
SELECT setval(${literal(`${s}.token`)}, greatest(last_value, ${micros})) FROM ${s}.token;
CREATE TABLE IF NOT EXISTS ${s}.lock (
  key bytea PRIMARY KEY, token bigint NOT NULL, lease_millis float8 NOT NULL, until_at float8 NOT NULL
);

CREATE TABLE IF NOT EXISTS ${s}.guard (
  kind text, key bytea, state text, expires_at float8 NOT NULL, PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS guard_expires_at ON ${s}.guard (expires_at) WHERE expires_at < 'Infinity';
CREATE TABLE IF NOT EXISTS ${s}.filter (key bytea, number integer, bits bytea NOT NULL, PRIMARY KEY (key, number));
`
