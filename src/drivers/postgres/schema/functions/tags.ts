/** Functions of the markers of tags, and `clear`. */
import { literal } from "../../../shared/sql/client.ts"
import { byIndex, quickly, type Sources } from "./source.ts"

export const tags = (s: string, channel: string) => ({
  invalidate: {
    args: "p_origin text, p_tags bytea[], p_wholes bytea[], p_versions text[], p_soft boolean",
    returns: "void",
    declare: "s bigint;",
    body: `PERFORM ${s}.number_of('invalidations');
    UPDATE ${s}.number x SET value = x.value + 1 WHERE x.name = 'invalidations' RETURNING x.value INTO s;
    INSERT INTO ${s}.marker AS m (tag, whole, version, seq)
      SELECT u.tag, u.whole, u.version, s FROM unnest(p_tags, p_wholes, p_versions) AS u(tag, whole, version)
      ON CONFLICT (tag) DO UPDATE SET seq = excluded.seq, version = CASE WHEN p_soft
        THEN substring(m.version FROM 1 FOR 12) || substring(excluded.version FROM 13) ELSE excluded.version END;
    PERFORM ${s}.tell(p_origin, 'T', (SELECT array_agg(CASE WHEN u.whole = '' THEN u.tag ELSE u.whole END)
      FROM unnest(p_tags, p_wholes) AS u(tag, whole)));`
  },

  markers: {
    args: "p_tags bytea[], p_wholes bytea[], p_versions text[]",
    returns: "TABLE (n integer, o_version text, o_seq float8, o_all float8)",
    declare: "s bigint;",
    body: `${quickly}
    ${byIndex}
    s := ${s}.number_of('invalidations');
    WHILE (SELECT count(*) FROM ${s}.marker m WHERE m.tag = ANY(p_tags)) < cardinality(p_tags) LOOP
      INSERT INTO ${s}.marker (tag, whole, version, seq)
        SELECT u.tag, u.whole, u.version, s FROM unnest(p_tags, p_wholes, p_versions) AS u(tag, whole, version)
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN QUERY SELECT u.n::integer, m.version, m.seq::float8, s::float8
      FROM unnest(p_tags) WITH ORDINALITY AS u(tag, n) JOIN ${s}.marker m ON m.tag = u.tag;`
  },

  /** Waits for running transactions, so that none of them writes in the new era what it has read in the former. */
  clear: {
    args: "p_origin text",
    returns: "void",
    body: `PERFORM pg_advisory_xact_lock(hashtextextended(${literal(channel)}, 0));
    PERFORM ${s}.repair();
    PERFORM ${s}.begin_era(p_origin);`
  }
} satisfies Sources)
