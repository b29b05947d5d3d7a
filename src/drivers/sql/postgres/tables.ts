/** The tables of the store on PostgreSQL. One row holds all of an id, entry and lease, so that one lock covers it. */

/** Times are in milliseconds. Those of entries and counters are of the clients' clocks, all others of the server's. */
export const tables = (s: string): ReadonlyArray<string> =>
  script(s).split(";\n").map((statement) => statement.trim()).filter((statement) => statement !== "")

const script = (s: string): string => `
CREATE TABLE ${s}.number (name text PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 20);

INSERT INTO ${s}.number SELECT name, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
  FROM unnest(ARRAY['era', 'invalidations']) name;
INSERT INTO ${s}.number VALUES ('pruned', 0), ('swept', 0);

CREATE TABLE ${s}.entry (
  key bytea PRIMARY KEY, whole bytea NOT NULL, era bigint NOT NULL,
  frame bytea, soft_at float8, expires_at float8, is_touched boolean, is_constant boolean,
  gone_at float8 NOT NULL DEFAULT '-Infinity',
  generation text, owner text, lease_millis float8, until_at float8, dies_at float8, joined_at float8,
  failures integer NOT NULL DEFAULT 0, failed_at float8, note bytea,
  used_at float8 NOT NULL DEFAULT 0, size integer GENERATED ALWAYS AS (length(frame)) STORED
);
ALTER TABLE ${s}.entry ALTER COLUMN frame SET STORAGE EXTERNAL;
CREATE INDEX entry_gone_at ON ${s}.entry (gone_at) WHERE gone_at < 'Infinity';
CREATE INDEX entry_used_at ON ${s}.entry (used_at, size) WHERE size IS NOT NULL;

CREATE TABLE ${s}.change (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(), origin text NOT NULL, kind text NOT NULL, subject bytea,
  at float8 NOT NULL
);
CREATE INDEX change_xid ON ${s}.change (xid);
CREATE UNLOGGED TABLE ${s}.history (id integer PRIMARY KEY, name text NOT NULL);

CREATE TABLE ${s}.marker (tag bytea PRIMARY KEY, whole bytea NOT NULL, version text NOT NULL, seq bigint NOT NULL);
CREATE INDEX marker_seq ON ${s}.marker (seq);

CREATE TABLE ${s}.counter (
  key bytea PRIMARY KEY, whole bytea NOT NULL, era bigint NOT NULL, value bigint NOT NULL, expires_at float8 NOT NULL,
  gone_at float8 NOT NULL
);
CREATE INDEX counter_gone_at ON ${s}.counter (gone_at) WHERE gone_at < 'Infinity';

CREATE SEQUENCE ${s}.token;
CREATE TABLE ${s}.lock (
  key bytea PRIMARY KEY, token bigint NOT NULL, lease_millis float8 NOT NULL, until_at float8 NOT NULL
);

CREATE TABLE ${s}.guard (
  kind text, key bytea, state text, expires_at float8 NOT NULL, PRIMARY KEY (kind, key)
);
CREATE INDEX guard_expires_at ON ${s}.guard (expires_at) WHERE expires_at < 'Infinity';
CREATE TABLE ${s}.filter (key bytea, number integer, bits bytea NOT NULL, PRIMARY KEY (key, number));
`
