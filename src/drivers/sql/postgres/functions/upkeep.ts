/** Functions that remove what has expired, compare positions, and replace the states of guards. */
import { literal } from "../../session/text.ts"
import { clock, nameIn, quickly, type Sources } from "./source.ts"

export const upkeep = (s: string, channel: string): Sources => ({
  /** Removes what can no longer be read, in steps of 1,000 rows. Returns whether there is more. */
  tidy: {
    args: "p_kept integer, p_markers integer, p_lock_life float8",
    returns: "boolean",
    declare: `e bigint := ${s}.era(); t float8 := ${clock}; top bigint; gone integer; other integer; names bytea[];`,
    body: `${quickly}
    IF NOT pg_try_advisory_xact_lock(hashtextextended(${literal(`tidy ${channel}`)}, 0)) THEN RETURN false; END IF;
    DELETE FROM ${s}.entry x WHERE x.key IN (SELECT y.key FROM ${s}.entry y
      WHERE y.gone_at <= t AND coalesce(y.dies_at <= t, true) LIMIT 1000 FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF (SELECT x.value FROM ${s}.number x WHERE x.name = 'swept') < e THEN
      DELETE FROM ${s}.entry x WHERE x.key IN
        (SELECT y.key FROM ${s}.entry y WHERE y.era < e LIMIT 1000 FOR UPDATE SKIP LOCKED);
      GET DIAGNOSTICS other = ROW_COUNT;
      IF other = 0 THEN
        DELETE FROM ${s}.counter x WHERE x.era < e;
        UPDATE ${s}.number x SET value = e WHERE x.name = 'swept';
      END IF;
      gone := greatest(gone, other);
    END IF;
    DELETE FROM ${s}.counter x WHERE x.gone_at <= t;
    DELETE FROM ${s}.guard x WHERE x.expires_at <= t;
    DELETE FROM ${s}.lock x WHERE x.until_at <= t - p_lock_life;
    WITH pruned AS (DELETE FROM ${s}.change x
      WHERE x.xid < pg_snapshot_xmin(pg_current_snapshot()) AND x.at < t - p_kept RETURNING x.xid)
      SELECT max(pruned.xid::text::bigint) INTO top FROM pruned;
    IF top IS NOT NULL THEN
      UPDATE ${s}.number x SET value = greatest(x.value, top) WHERE x.name = 'pruned';
    END IF;
    WITH ended AS (DELETE FROM ${s}.marker m WHERE m.tag IN
      (SELECT y.tag FROM ${s}.marker y ORDER BY y.seq DESC OFFSET p_markers) RETURNING m.tag AS key, m.whole)
      SELECT array_agg(${nameIn("ended")}) INTO names FROM ended;
    IF names IS NOT NULL THEN PERFORM ${s}.tell('', 'T', names); END IF;
    RETURN gone = 1000;`
  },

  /** Whether anything has changed since a snapshot, other than by the transaction that returned it. */
  has_moved: {
    args: "p_snapshot text, p_own text",
    returns: "boolean",
    declare: "before pg_snapshot := p_snapshot::pg_snapshot;",
    body: `RETURN (SELECT x.value FROM ${s}.number x WHERE x.name = 'pruned')
        >= pg_snapshot_xmin(before)::text::bigint
      OR EXISTS (SELECT 1 FROM ${s}.change x WHERE x.xid >= pg_snapshot_xmin(before)
        AND NOT pg_visible_in_snapshot(x.xid, before) AND x.xid::text <> p_own);`
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
})
