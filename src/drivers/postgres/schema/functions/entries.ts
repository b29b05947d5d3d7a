/** Functions that write and remove entries. */
import { byIndex, clock, durably, nameIn, noLease, type Sources, writeIdOf } from "./source.ts"

export const writes = (s: string) => ({
  put: {
    args: `p_origin text, p_keys bytea[], p_wholes bytea[], p_frames bytea[], p_softs float8[], p_expires float8[],
      p_lives float8[], p_tags bytea[]`,
    returns: "void",
    declare: "e bigint; t float8 := " + clock + ";",
    body: `e := ${s}.era();
    INSERT INTO ${s}.entry AS x (key, whole, era, frame, soft_at, expires_at, gone_at, used_at)
      SELECT u.key, u.whole, e, u.frame, u.soft, u.expires, t + u.life, t
      FROM unnest(p_keys, p_wholes, p_frames, p_softs, p_expires, p_lives) AS u(key, whole, frame, soft, expires, life)
      ON CONFLICT (key) DO UPDATE SET era = excluded.era, frame = excluded.frame, soft_at = excluded.soft_at,
        expires_at = excluded.expires_at, gone_at = excluded.gone_at, used_at = t, is_touched = NULL, is_constant = NULL,
        ${noLease}
      WHERE x.era <= excluded.era;
    PERFORM ${s}.end_markers(p_origin, p_tags);
    PERFORM ${s}.tell(p_origin, 'C', (SELECT array_agg(${
      nameIn("u")
    }) FROM unnest(p_keys, p_wholes) AS u(key, whole)));`
  },

  /** Locks the row of an id, and creates it if necessary. Returns whether the entry is live and which write it is. */
  hold: {
    args: "p_keys bytea[], p_wholes bytea[], p_now float8",
    returns: "TABLE (n integer, o_live boolean, o_write bytea)",
    declare: `e bigint := ${s}.era(); r ${s}.entry%ROWTYPE;`,
    body: `FOR i IN 1..cardinality(p_keys) LOOP
      n := i;
      LOOP
        INSERT INTO ${s}.entry (key, whole, era) VALUES (p_keys[n], p_wholes[n], e) ON CONFLICT DO NOTHING;
        SELECT * INTO r FROM ${s}.entry x WHERE x.key = p_keys[n] FOR UPDATE;
        EXIT WHEN FOUND;
      END LOOP;
      o_live := r.era >= ${s}.era() AND r.frame IS NOT NULL AND r.expires_at > p_now AND ${s}.has_tags(r.frame);
      o_write := ${writeIdOf("r.frame")};
      RETURN NEXT;
    END LOOP;`
  },

  /** Removes rows that have neither an entry nor a lease. */
  drop_blank: {
    args: "p_keys bytea[]",
    returns: "void",
    body: `DELETE FROM ${s}.entry x WHERE x.key = ANY(p_keys) AND x.frame IS NULL AND x.generation IS NULL;`
  },

  put_if: {
    args: `p_origin text, p_key bytea, p_whole bytea, p_frame bytea, p_soft float8, p_expires float8, p_life float8,
      p_tags bytea[], p_condition text, p_write bytea, p_now float8`,
    returns: "boolean",
    declare: "held record;",
    body: `SELECT * INTO held FROM ${s}.hold(ARRAY[p_key], ARRAY[p_whole], p_now);
    IF (CASE p_condition WHEN 'IfAbsent' THEN NOT held.o_live WHEN 'IfPresent' THEN held.o_live
      ELSE held.o_live AND held.o_write = p_write END) THEN
      PERFORM ${s}.put(p_origin, ARRAY[p_key], ARRAY[p_whole], ARRAY[p_frame], ARRAY[p_soft], ARRAY[p_expires],
        ARRAY[p_life], p_tags);
      RETURN true;
    END IF;
    PERFORM ${s}.drop_blank(ARRAY[p_key]);
    RETURN false;`
  }
} satisfies Sources)

export const changes = (s: string) => ({
  remove: {
    args: "p_origin text, p_keys bytea[], p_wholes bytea[], p_tags bytea[], p_now float8",
    returns: "TABLE (n integer)",
    declare: `e bigint := ${s}.era();`,
    body: `${byIndex}
    PERFORM 1 FROM ${s}.entry x WHERE x.key = ANY(p_keys) ORDER BY x.key FOR UPDATE;
    RETURN QUERY WITH ended AS (
      DELETE FROM ${s}.entry x USING unnest(p_keys) WITH ORDINALITY AS u(key, n) WHERE x.key = u.key
      RETURNING u.n::integer AS n, x.era >= e AND x.expires_at > p_now AND ${s}.has_tags(x.frame) AS was_live
    ) SELECT ended.n FROM ended WHERE ended.was_live;
    PERFORM ${s}.end_markers(p_origin, p_tags);
    PERFORM ${s}.tell(p_origin, 'C', (SELECT array_agg(${
      nameIn("u")
    }) FROM unnest(p_keys, p_wholes) AS u(key, whole)));`
  },

  touch: {
    args: `p_origin text, p_key bytea, p_whole bytea, p_write bytea, p_constant boolean, p_soft float8,
      p_expires float8, p_now float8, p_durable boolean`,
    returns: "boolean",
    declare: `r ${s}.entry%ROWTYPE; constant_now boolean;`,
    body: `${durably("p_durable")}
    SELECT * INTO r FROM ${s}.entry x WHERE x.key = p_key FOR UPDATE;
    IF NOT FOUND OR r.era < ${s}.era() OR r.frame IS NULL OR r.expires_at <= p_now OR NOT ${s}.has_tags(r.frame) THEN
      RETURN false;
    END IF;
    constant_now := coalesce(r.is_constant, (get_byte(r.frame, 3) & 4) <> 0);
    IF p_write = '' THEN
      constant_now := false;
    ELSIF ${writeIdOf("r.frame")} <> p_write OR (p_constant AND NOT constant_now) THEN
      RETURN false;
    ELSE
      p_soft := greatest(p_soft, r.soft_at);
      p_expires := greatest(p_expires, r.expires_at);
    END IF;
    UPDATE ${s}.entry x SET is_touched = true, is_constant = constant_now, soft_at = p_soft, expires_at = p_expires,
      gone_at = ${clock} + (p_expires - p_now), used_at = ${clock} WHERE x.key = p_key;
    PERFORM ${s}.tell(p_origin, 'C', ARRAY[${nameIn("r")}]);
    RETURN true;`
  }
} satisfies Sources)
