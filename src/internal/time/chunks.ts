/** Splits long lists into chunks, so that other fibers can run between the chunks. */
import { chunk } from "../defaults/bounds.ts"

export const startsOf = (list: ReadonlyArray<unknown>, size = chunk): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => i * size)

export const chunksOf = <A>(list: ReadonlyArray<A>, size = chunk): ReadonlyArray<ReadonlyArray<A>> =>
  startsOf(list, size).map((from) => list.slice(from, from + size))
