/** The formats of files, by extension. */
import { mistake } from "../internal/options/options.ts"

export type Format = "csv" | "ndjson" | "parquet"

/**
 * A row as an object with named fields.
 * @category models
 * @since 0.1.0
 */
export type Fields = Readonly<Record<string, unknown>>

const formats: Readonly<Record<string, Format>> = {
  ".csv": "csv",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".parquet": "parquet"
}

/** The format of a file. Throws a `CacheConfigError` for an unknown extension. */
export const formatOf = (file: string): Format => {
  const format = formats[/\.[^./\\]*$/.exec(file)?.[0].toLowerCase() ?? ""]
  if (format !== undefined) return format
  throw mistake(
    `The file "${file}" of a pipeline has no known format: use the extension ${Object.keys(formats).join(", ")}`
  )
}

/** The longest row of a CSV file, and the longest line of an NDJSON file. A longer one ends the pipeline. */
export const longestRow = 16_777_216

/** Rows of one group of a Parquet file, which is in memory as a whole. */
export const rowsOfGroup = 10_000
