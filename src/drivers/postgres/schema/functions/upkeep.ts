/** Functions that remove what has expired, and replace the states of guards. */
import { literal } from "../../../shared/sql/client.ts"
import { byIndex, clock, nameIn, quickly, type Sources } from "./source.ts"

/** How many rows of a table one step removes, so that it ends in time. */
const rowsOfStep = 1000

/** How many bytes of entries one step removes. */
const bytesOfStep = 33_554_432

const prune = (s: string, table: string, condition: string): string =>
  `DELETE FROM ${s}.${table} WHERE ctid = ANY(ARRAY(
      SELECT x.ctid FROM ${s}.${table} x WHERE ${condition} LIMIT ${rowsOfStep} FOR UPDATE SKIP LOCKED))`

const step = (s: string, table: string, condition: string): string =>
  `${prune(s, table, condition)};
    GET DIAGNOSTICS gone = ROW_COUNT;
    has_more := has_more OR gone = ${rowsOfStep};`

export const upkeep = (s: string, channel: string) => ({
  /** Removes what can no longer be read, in steps. Returns whether there is more. */
  tidy: {
    args: "p_kept integer, p_markers integer, p_lock_life float8",
    returns: "boolean",
    declare: `e bigint := ${s}.era(); t float8 := ${clock}; top bigint; gone bigint; names bytea[]; has_more boolean;`,
    body: `${quickly}
    IF NOT pg_try_advisory_xact_lock(hashtextextended(${literal(`tidy ${channel}`)}, 0)) THEN RETURN false; END IF;
    PERFORM ${s}.repair();
    WITH pruned AS (${prune(s, "change", "x.xid < pg_snapshot_xmin(pg_current_snapshot()) AND x.at < t - p_kept")}
      RETURNING xid) SELECT max(xid::text::bigint), count(*) INTO top, gone FROM pruned;
    IF top IS NOT NULL THEN
      UPDATE ${s}.number x SET value = greatest(x.value, top) WHERE x.name = 'pruned';
    END IF;
    has_more := gone = ${rowsOfStep};
    ${step(s, "entry", "x.gone_at <= t AND coalesce(x.dies_at <= t, true)")}
    ${step(s, "counter", "x.gone_at <= t")}
    ${step(s, "guard", "x.expires_at <= t")}
    ${step(s, "lock", "x.until_at <= t - p_lock_life")}
    IF (SELECT x.value FROM ${s}.number x WHERE x.name = 'swept') < e THEN
      ${step(s, "entry", "x.era < e")}
      ${step(s, "counter", "x.era < e")}
      IF NOT has_more THEN UPDATE ${s}.number x SET value = e WHERE x.name = 'swept'; END IF;
    END IF;
    WITH ended AS (DELETE FROM ${s}.marker m WHERE m.tag IN
      (SELECT y.tag FROM ${s}.marker y ORDER BY y.seq DESC OFFSET p_markers LIMIT ${rowsOfStep})
      RETURNING m.tag AS key, m.whole)
      SELECT array_agg(${nameIn("ended")}) INTO names FROM ended;
    IF names IS NOT NULL THEN PERFORM ${s}.tell('', 'T', names); END IF;
    RETURN has_more OR coalesce(cardinality(names) = ${rowsOfStep}, false);`
  },

  /** Removes the least recently used entries, up to a size in bytes, except for those that are loaded again. */
  evict: {
    args: "p_bytes float8",
    returns: "float8",
    declare: `t float8 := ${clock}; freed float8;`,
    body: `${quickly}
    WITH oldest AS (SELECT x.key, x.size, x.used_at FROM ${s}.entry x
        WHERE x.size IS NOT NULL AND coalesce(x.dies_at <= t, true)
        ORDER BY x.used_at LIMIT ${rowsOfStep} FOR UPDATE SKIP LOCKED),
      summed AS (SELECT y.key, sum(y.size) OVER (ORDER BY y.used_at, y.key) - y.size AS before FROM oldest y),
      gone AS (DELETE FROM ${s}.entry x USING summed y
        WHERE x.key = y.key AND y.before < least(p_bytes, ${bytesOfStep}) RETURNING x.size)
      SELECT sum(gone.size) INTO freed FROM gone;
    RETURN coalesce(freed, 0);`
  },

  /** Notes that entries were used, if their last noted use is so long ago. */
  use: {
    args: "p_keys bytea[], p_pauses float8[]",
    returns: "void",
    declare: `t float8 := ${clock};`,
    body: `${quickly}
    ${byIndex}
    UPDATE ${s}.entry x SET used_at = t FROM (SELECT y.key FROM unnest(p_keys, p_pauses) AS u(key, pause)
      JOIN ${s}.entry y ON y.key = u.key WHERE y.used_at <= t - u.pause ORDER BY y.key FOR UPDATE OF y SKIP LOCKED) d
      WHERE x.key = d.key;`
  },

  swap_guard: {
    args: "p_kind text, p_key bytea, p_before text, p_after text, p_expires float8",
    returns: "TABLE (o_done boolean, o_state text, o_now float8)",
    declare: `r ${s}.guard%ROWTYPE; present text;`,
    body: `${quickly}
    LOOP
      SELECT * INTO r FROM ${s}.guard x WHERE x.kind = p_kind AND x.key = p_key FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO ${s}.guard (kind, key, expires_at) VALUES (p_kind, p_key, 0) ON CONFLICT DO NOTHING;
    END LOOP;
    o_now := ${clock};
    present := CASE WHEN r.expires_at > o_now THEN r.state END;
    o_done := present IS NOT DISTINCT FROM p_before;
    o_state := present;
    IF o_done THEN
      UPDATE ${s}.guard x SET state = p_after, expires_at = p_expires WHERE x.kind = p_kind AND x.key = p_key;
    END IF;
    RETURN NEXT;`
  }
} satisfies Sources)
