/** Long lists of ids are worked on in chunks, with a turn for others between them. */
import { chunk } from "../../defaults/bounds.ts"

/** Where the chunks of a list begin. */
export const startsOf = (list: ReadonlyArray<unknown>): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(list.length / chunk) }, (_, i) => i * chunk)
