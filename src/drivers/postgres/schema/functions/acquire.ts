/** The function that requests leases. It follows the same rules as `src/internal/store/leases.ts`. */
import { sharedFailures } from "../../../../internal/defaults/processes.ts"
import { clock, quickly, type Source, writeIdOf } from "./source.ts"

/** Whether a row has an entry other than the one that the reader rejected. */
const isHit = `(NOT p_blind AND r.frame IS NOT NULL AND ${writeIdOf("r.frame")} <> p_rejected[n])`

/** Creates the lease of an id without a row. Answers waits without a lock, because waiting processes ask repeatedly. */
const look = (s: string): string =>
  `${quickly}
    o_seq := ${s}.number_of('invalidations');
    FOR i IN 1..cardinality(p_keys) LOOP
      n := i;
      o_frame := NULL; o_soft := NULL; o_expires := NULL; o_constant := NULL; o_generation := NULL; o_wait := NULL;
      o_failures := NULL; o_note := NULL; was_made := false;
      SELECT * INTO r FROM ${s}.entry x WHERE x.key = p_keys[n];
      IF NOT FOUND THEN
        t := ${clock};
        INSERT INTO ${s}.entry (key, whole, era, generation, owner, lease_millis, until_at, dies_at)
          VALUES (p_keys[n], p_wholes[n], e, p_fresh[n], p_owners[n], p_leases[n], t + p_leases[n], t + p_lives[n])
          ON CONFLICT DO NOTHING;
        was_made := FOUND;
      END IF;
      IF was_made THEN
        kind := 'Granted';
        o_generation := p_fresh[n];
        RETURN NEXT;
        CONTINUE;
      END IF;
      t := ${clock};
      IF NOT (r.era >= e AND ${isHit}) AND r.era >= e AND p_joins[n] = 'no' AND r.owner <> p_owners[n]
        AND r.dies_at > t AND r.until_at > t AND r.until_at <= t + r.lease_millis
        AND coalesce(r.joined_at <= t, true) AND r.generation IS NOT NULL THEN
        kind := 'Wait';
        o_wait := r.until_at - t;
        RETURN NEXT;
        CONTINUE;
      END IF;
`

/** Locks the row, and looks once more. A row of an earlier era counts as empty. */
const lock = (s: string): string =>
  `      IF NOT (coalesce(r.era >= e, false) AND ${isHit}) THEN
        LOOP
          SELECT * INTO r FROM ${s}.entry x WHERE x.key = p_keys[n] FOR UPDATE;
          EXIT WHEN FOUND;
          INSERT INTO ${s}.entry (key, whole, era) VALUES (p_keys[n], p_wholes[n], e) ON CONFLICT DO NOTHING;
        END LOOP;
        IF r.era < e THEN
          r.frame := NULL;
          r.generation := NULL;
        END IF;
      END IF;
      IF ${isHit} THEN
        kind := 'Hit';
        o_frame := r.frame;
        o_soft := CASE WHEN r.is_touched THEN r.soft_at END;
        o_expires := r.expires_at;
        o_constant := r.is_constant;
        RETURN NEXT;
        CONTINUE;
      END IF;
`

/** Takes the lease, joins its holder, or waits. */
const take = (s: string): string =>
  `      t := ${clock};
      IF r.generation IS NOT NULL AND r.dies_at > t THEN
        time_left := greatest(0, least(r.until_at - t, r.lease_millis));
        IF time_left = 0 OR r.owner = p_owners[n] THEN
          IF r.owner <> p_owners[n] THEN r.joined_at := NULL; END IF;
          r.owner := p_owners[n];
          r.lease_millis := p_leases[n];
          r.until_at := t + p_leases[n];
          r.dies_at := t + p_lives[n];
          o_wait := 0;
        ELSE
          r.until_at := t + time_left;
          IF r.joined_at > t THEN r.joined_at := t; END IF;
          o_wait := CASE WHEN p_joins[n] = 'yes' THEN 0 WHEN p_joins[n] = 'no' THEN time_left
            WHEN r.joined_at IS NULL THEN 0
            ELSE least(time_left,
              greatest(0, least(r.joined_at + p_joins[n]::float8 - t, p_joins[n]::float8))) END;
          IF o_wait = 0 AND p_joins[n] <> 'yes' THEN r.joined_at := t; END IF;
        END IF;
      ELSE
        r.generation := p_fresh[n];
        r.owner := p_owners[n];
        r.lease_millis := p_leases[n];
        r.until_at := t + p_leases[n];
        r.dies_at := t + p_lives[n];
        r.joined_at := NULL;
        r.failures := 0;
        o_wait := 0;
      END IF;
      UPDATE ${s}.entry x SET era = greatest(x.era, e), frame = CASE WHEN x.era < e THEN NULL ELSE x.frame END,
        generation = r.generation, owner = r.owner, lease_millis = r.lease_millis, until_at = r.until_at,
        dies_at = r.dies_at, joined_at = r.joined_at, failures = r.failures WHERE x.key = p_keys[n];
      IF o_wait > 0 THEN
        kind := 'Wait';
      ELSE
        kind := 'Granted';
        o_generation := r.generation;
        IF r.failures > 0 AND abs(t - r.failed_at) < ${sharedFailures.millis} THEN
          o_failures := r.failures;
          o_note := r.note;
        END IF;
      END IF;
      RETURN NEXT;
    END LOOP;`

export const acquire = (s: string): Source => ({
  args: `p_keys bytea[], p_wholes bytea[], p_owners text[], p_leases float8[], p_lives float8[], p_rejected bytea[],
      p_joins text[], p_fresh text[], p_blind boolean`,
  returns: `TABLE (n integer, kind text, o_frame bytea, o_soft float8, o_expires float8, o_constant boolean,
      o_generation text, o_wait float8, o_failures integer, o_note bytea, o_seq float8)`,
  declare: `e bigint := ${s}.era(); r ${s}.entry%ROWTYPE; t float8; time_left float8; was_made boolean;`,
  body: look(s) + lock(s) + take(s)
})
