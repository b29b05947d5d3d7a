/** How much of a file has been read, in bytes or rows. */
export interface Position {
  readonly file: string
  done: number
  total: number
}
