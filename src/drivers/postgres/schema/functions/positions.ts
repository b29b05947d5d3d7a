/** Functions that read the changes since a snapshot, and compare positions. */
import { historyOf } from "../tables.ts"
import { byIndex, type Sources } from "./source.ts"

/**
 * The conditions of changes that became visible after a snapshot: later ones, and those of transactions that were open.
 * An index finds the rows of each, however long one of these transactions stays open. Together, they would be a filter.
 */
const since = (snapshot: string): ReadonlyArray<string> => [
  `x.xid >= pg_snapshot_xmax(${snapshot})`,
  `x.xid = ANY(ARRAY(SELECT pg_snapshot_xip(${snapshot})))`
]

export const positions = (s: string) => ({
  /**
   * The changes that became visible since a snapshot: every one exactly once, whatever the order of commits. The first
   * row has the snapshot for the next question, whether changes may be missing, and whether the history is the same.
   */
  changes_since: {
    args: "p_snapshot text, p_origin text, p_most integer, p_history text",
    returns: "TABLE (kind text, subject bytea, o_snapshot text, o_gap boolean, o_same boolean)",
    declare: "before pg_snapshot := p_snapshot::pg_snapshot;",
    body: `${byIndex}
    RETURN QUERY SELECT NULL::text, NULL::bytea, pg_current_snapshot()::text,
      coalesce((SELECT max(y.value) FILTER (WHERE y.name = 'pruned') >= pg_snapshot_xmin(before)::text::bigint
        FROM ${s}.number y WHERE y.name IN ('era', 'invalidations', 'pruned', 'swept') HAVING count(*) = 4), ${s}.era() IS NOT NULL),
      EXISTS (SELECT 1 FROM ${s}.history x WHERE x.id = 0 AND ${historyOf(s)} = p_history)
    ${
      since("before").map((condition) =>
        `UNION ALL (SELECT x.kind, x.subject, NULL, NULL, NULL FROM ${s}.change x
      WHERE ${condition} AND x.origin <> p_origin LIMIT p_most)`
      ).join("\n    ")
    };`
  },

  /** Whether anything has changed since a snapshot, other than by the transaction that returned it. */
  has_moved: {
    args: "p_snapshot text, p_own text",
    returns: "boolean",
    declare: "before pg_snapshot := p_snapshot::pg_snapshot;",
    body: `${byIndex}
    RETURN (SELECT x.value FROM ${s}.number x WHERE x.name = 'pruned')
        >= pg_snapshot_xmin(before)::text::bigint
      ${
      since("before").map((condition) =>
        `OR EXISTS (SELECT 1 FROM ${s}.change x WHERE ${condition} AND x.xid::text <> p_own)`
      ).join("\n      ")
    };`
  }
} satisfies Sources)
