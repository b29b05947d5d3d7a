/** Functions of leases. They follow the same rules as `src/internal/store/leases.ts`. */
import { leaseLife, sharedFailures } from "../../../../internal/defaults/processes.ts"
import { byIndex, clock, durably, nameIn, noLease, quickly, type Sources } from "./source.ts"

export const leases = (s: string) => ({
  commit: {
    args: `p_origin text, p_keys bytea[], p_generations text[], p_frames bytea[], p_softs float8[],
      p_expires float8[], p_lives float8[], p_durable boolean`,
    returns: "TABLE (n integer)",
    declare: `e bigint := ${s}.era(); t float8; names bytea[]; stored integer[];`,
    body: `${durably("p_durable")}
    ${byIndex}
    PERFORM 1 FROM ${s}.entry x WHERE x.key = ANY(p_keys) ORDER BY x.key FOR UPDATE;
    t := ${clock};
    WITH done AS (
      UPDATE ${s}.entry x SET frame = u.frame, soft_at = u.soft, expires_at = u.expires, gone_at = t + u.life,
        used_at = t, is_touched = NULL, is_constant = NULL, ${noLease}
      FROM unnest(p_keys, p_generations, p_frames, p_softs, p_expires, p_lives) WITH ORDINALITY
        AS u(key, generation, frame, soft, expires, life, n)
      WHERE x.key = u.key AND x.generation = u.generation AND x.dies_at > t AND x.era >= e
      RETURNING u.n::integer AS n, ${nameIn("x")} AS name
    ) SELECT array_agg(done.name), array_agg(done.n) INTO names, stored FROM done;
    IF names IS NOT NULL THEN PERFORM ${s}.tell(p_origin, 'C', names); END IF;
    RETURN QUERY SELECT unnest(stored);`
  },

  renew: {
    args: "p_keys bytea[], p_owner text, p_lease float8, p_life float8",
    returns: "TABLE (n integer)",
    declare: `e bigint := ${s}.era(); t float8;`,
    body: `${quickly}
    ${byIndex}
    PERFORM 1 FROM ${s}.entry x WHERE x.key = ANY(p_keys) ORDER BY x.key FOR UPDATE;
    t := ${clock};
    RETURN QUERY UPDATE ${s}.entry x SET lease_millis = p_lease, until_at = t + p_lease, dies_at = t + p_life
      FROM unnest(p_keys) WITH ORDINALITY AS u(key, n)
      WHERE x.key = u.key AND x.owner = p_owner AND p_owner <> '' AND x.era >= e RETURNING u.n::integer;`
  },

  release: {
    args: "p_key bytea, p_owner text, p_note bytea",
    returns: "boolean",
    declare: "t float8;",
    body: `${quickly}
    PERFORM 1 FROM ${s}.entry x WHERE x.key = p_key FOR UPDATE;
    t := ${clock};
    UPDATE ${s}.entry x SET owner = '', until_at = 0,
      dies_at = t + greatest(${leaseLife.times} * x.lease_millis, ${sharedFailures.millis}), failed_at = t, note = p_note,
      failures = CASE WHEN p_note IS NULL THEN 0
        WHEN abs(t - x.failed_at) < ${sharedFailures.millis} THEN x.failures + 1 ELSE 1 END
      WHERE x.key = p_key AND x.owner = p_owner AND p_owner <> '' AND x.era >= ${s}.era();
    RETURN FOUND;`
  }
} satisfies Sources)
