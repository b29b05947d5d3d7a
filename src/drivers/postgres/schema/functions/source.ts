/** The parts that the functions of the store on PostgreSQL share. */
import { literal } from "../../../shared/sql/client.ts"

export interface Source {
  readonly args: string
  readonly returns: string
  readonly declare?: string
  readonly body: string
}

export interface Sources {
  readonly [name: string]: Source
}

export const clock = "(extract(epoch FROM clock_timestamp()) * 1000)::float8"

/** The name of a row. `whole` is empty if the name is not shortened. */
export const nameIn = (row: string): string => `CASE WHEN ${row}.whole = '' THEN ${row}.key ELSE ${row}.whole END`

export const writeIdOf = (frame: string): string => `substring(${frame} FROM 5 FOR 16)`

export const noLease = `generation = NULL, owner = NULL, lease_millis = NULL, until_at = NULL, dies_at = NULL,
      joined_at = NULL, failures = 0, failed_at = NULL, note = NULL`

/** Loads and reads can be repeated after a crash of the server, so they do not wait until its disk has their writes. */
export const quickly = "PERFORM set_config('synchronous_commit', 'off', true);"

/** Makes the server look up keys in indexes, even before it has statistics of a table. */
export const byIndex = "PERFORM set_config('enable_seqscan', 'off', true);"

export const durably = (isDurable: string): string => `IF NOT ${isDurable} THEN ${quickly} END IF;`

export const statementOf = (s: string, name: string, { args, body, declare = "", returns }: Source): string => {
  const text = `#variable_conflict use_variable\nDECLARE ${declare}\nBEGIN\n${body}\nEND`
  return `CREATE OR REPLACE FUNCTION ${s}.${name}(${args}) RETURNS ${returns} LANGUAGE plpgsql AS ${literal(text)}`
}
