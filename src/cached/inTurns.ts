/** Converts the items of long lists without blocking other fibers. */
import * as Effect from "effect/Effect"
import { chunk } from "../internal/defaults/bounds.ts"
import * as Turns from "../internal/time/turns.ts"

/** Converts each item of a copy of the list, such as a key to its id, for `use`. A long list yields to other fibers. */
export const inTurns = <A, B, C, E, R>(
  items: Iterable<A>,
  make: (item: A) => B,
  use: (made: ReadonlyArray<B>) => Effect.Effect<C, E, R>
): Effect.Effect<C, E, R> => {
  // `slice` copies an array several times faster than `Array.from`, which calls the array's iterator.
  const list = Array.isArray(items) ? items.slice() as ReadonlyArray<A> : Array.from(items)
  if (list.length <= chunk) {
    const made: Array<B> = []
    // Unlike `map`, the loop does not skip the holes of a sparse array, so they are refused like `undefined`.
    for (const item of list) made.push(make(item))
    return use(made)
  }
  return Effect.flatMap(Turns.map(list, make), use)
}
