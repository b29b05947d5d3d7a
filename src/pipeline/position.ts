/** How much of a file has been read, in bytes or rows. */
export interface Position {
  readonly file: string
  done: number
  total: number
  /** Whether `total` counts rows, as a Parquet file does. */
  inRows: boolean
}

/** The share of a file whose rows have been answered. Rows are read ahead: a small file is read at once. */
export const shareOf = (
  { done, inRows, total }: Pick<Position, "done" | "inRows" | "total">,
  { answered, read }: { readonly answered: number; readonly read: number }
): number | undefined => {
  if (total === 0) return undefined
  const share = inRows ? answered / total : done / total * (read === 0 ? 1 : answered / read)
  return Math.min(1, share)
}
