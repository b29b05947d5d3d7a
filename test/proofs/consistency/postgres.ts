/** Losses of a PostgreSQL server during the check: each must cost a load, and never a stale read. */
import type { Server } from "../../support/postgres.ts"
import { prefix } from "./plan.ts"
import type { Dice } from "./random.ts"

const s = `"${prefix}"`

const others = "pid <> pg_backend_pid() AND datname = current_database()"

const thefts: ReadonlyArray<string> = [
  `DELETE FROM ${s}.marker`,
  `DELETE FROM ${s}.marker WHERE tag = 'a'`,
  // The leases are in the same rows, and stay.
  `UPDATE ${s}.entry SET frame = NULL`,
  `UPDATE ${s}.entry SET frame = NULL WHERE key IN ('plain', 'both')`,
  // Removes the changes that no running transaction needs, whether or not all processes have read them.
  `SELECT * FROM ${s}.tidy(0, 100000, 0)`,
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`,
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others} ORDER BY random() LIMIT 1`
]

export const robPostgres = (server: Server, { pick }: Dice): Promise<number> =>
  // The tables may not be there yet, or another theft has cut the connection.
  server.ask(pick(thefts)).then(() => 1, () => 0)

/** Ends the connections that listen. */
export const deafenPostgres = (server: Server): Promise<number> =>
  server.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others} AND query ILIKE 'LISTEN%'`)
    .then((rows) => rows.length > 0 ? 1 : 0, () => 0)
