/** Long lists are worked on in chunks, with a turn for others between them. */
import { chunk } from "../defaults/bounds.ts"

/** Where the chunks of a list begin. */
export const startsOf = (list: ReadonlyArray<unknown>, size = chunk): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => i * size)

/** The chunks of a list. */
export const chunksOf = <A>(list: ReadonlyArray<A>, size = chunk): ReadonlyArray<ReadonlyArray<A>> =>
  startsOf(list, size).map((from) => list.slice(from, from + size))
