/** Functions that other functions use: the era, reports of changes, and the tags of an entry. */
import { pagePrefix } from "../../../../internal/store/pageIds.ts"
import { literal } from "../../../shared/sql/client.ts"
import { longest } from "../../session/names.ts"
import { micros } from "../tables.ts"
import { clock, nameIn, type Sources } from "./source.ts"

export const basics = (s: string, channel: string) => ({
  era: { args: "", returns: "bigint", body: `RETURN ${s}.number_of('era');` },

  number_of: {
    args: "p_name text",
    returns: "bigint",
    declare: "found_value bigint;",
    body: `LOOP
      SELECT x.value INTO found_value FROM ${s}.number x WHERE x.name = p_name;
      EXIT WHEN FOUND;
      PERFORM ${s}.repair();
    END LOOP;
    RETURN found_value;`
  },

  /** If a number is missing, all that was stored before counts as cleared. Its own process learns of it too. */
  repair: {
    args: "",
    returns: "void",
    body: `INSERT INTO ${s}.number (name, value)
      SELECT u.name, CASE WHEN u.is_time THEN ${micros} ELSE 0 END
      FROM (VALUES ('era', true), ('invalidations', true), ('pruned', false), ('swept', false)) AS u(name, is_time)
      ON CONFLICT DO NOTHING;
    IF FOUND THEN PERFORM ${s}.begin_era(''); END IF;`
  },

  begin_era: {
    args: "p_origin text",
    returns: "void",
    body: `UPDATE ${s}.number x SET value = x.value + 1 WHERE x.name = 'era';
    DELETE FROM ${s}.marker m WHERE substring(m.tag FROM 1 FOR 2) IN ('~=', '~*');
    PERFORM ${s}.tell(p_origin, 'A', ARRAY[''::bytea]);`
  },

  /** Tells changes. The row and the notification appear together, when the transaction commits. */
  tell: {
    args: "p_origin text, p_kind text, p_subjects bytea[]",
    returns: "void",
    body: `INSERT INTO ${s}.change (origin, kind, subject, at)
      SELECT p_origin, p_kind, u.subject, ${clock} FROM unnest(p_subjects) AS u(subject)
      WHERE p_kind <> 'C' OR substring(u.subject FROM 1 FOR ${pagePrefix.length}) <> ${literal(pagePrefix)}::bytea;
    IF FOUND THEN PERFORM pg_notify(${literal(channel)}, p_origin); END IF;`
  },

  /** Whether no tag of an entry was invalidated hard. Reads the tags from the frame; a damaged frame counts as live. */
  has_tags: {
    args: "p_frame bytea",
    returns: "boolean",
    declare: "at integer := 51; size bigint; name bytea; present text;",
    body: `IF p_frame IS NULL THEN RETURN false; END IF;
    IF length(p_frame) < 55 THEN RETURN true; END IF;
    FOR i IN 1..get_byte(p_frame, 49) * 256 + get_byte(p_frame, 50) LOOP
      IF at + 16 > length(p_frame) THEN RETURN true; END IF;
      size := (get_byte(p_frame, at) & 127)::bigint * 16777216 + get_byte(p_frame, at + 1) * 65536
        + get_byte(p_frame, at + 2) * 256 + get_byte(p_frame, at + 3);
      IF at + 16 + size > length(p_frame) THEN RETURN true; END IF;
      name := substring(p_frame FROM at + 17 FOR size::integer);
      IF get_byte(p_frame, at) > 127 THEN name := decode('ff', 'hex') || name; END IF;
      IF length(name) > ${longest} THEN name := substring(name FROM 1 FOR ${longest}) || sha256(name); END IF;
      SELECT m.version INTO present FROM ${s}.marker m WHERE m.tag = name;
      IF NOT FOUND OR substring(present FROM 1 FOR 12) <> encode(substring(p_frame FROM at + 5 FOR 6), 'hex') THEN
        RETURN false;
      END IF;
      at := at + 16 + size::integer;
    END LOOP;
    RETURN true;`
  },

  end_markers: {
    args: "p_origin text, p_tags bytea[]",
    returns: "void",
    declare: "names bytea[];",
    body: `WITH ended AS (DELETE FROM ${s}.marker m WHERE m.tag = ANY(p_tags) RETURNING m.tag AS key, m.whole)
      SELECT array_agg(${nameIn("ended")}) INTO names FROM ended;
    IF names IS NOT NULL THEN PERFORM ${s}.tell(p_origin, 'T', names); END IF;`
  }
} satisfies Sources)
