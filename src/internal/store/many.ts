/** Operations on many ids, in steps that leave other fibers their turn. */
import * as Effect from "effect/Effect"

/** So many plain steps at once: some milliseconds. */
const stepSize = 64

/** Runs plain steps, so many at once, and answers in the order of the items. */
export const inSteps = Effect.fnUntraced(function*<A, B, E>(
  items: ReadonlyArray<A>,
  step: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>
): Effect.fn.Return<ReadonlyArray<B>, E> {
  if (items.length <= stepSize) return items.length === 0 ? [] : yield* step(items)
  const answers: Array<B> = []
  for (let from = 0; from < items.length; from += stepSize) {
    if (from > 0) yield* Effect.yieldNow
    answers.push(...yield* step(items.slice(from, from + stepSize)))
  }
  return answers
})

/** So many at once, where each may wait. */
const concurrency = 16

/** Runs an operation for each, and answers in the order of the items. */
export const each = <A, B, E>(
  items: ReadonlyArray<A>,
  operation: (item: A) => Effect.Effect<B, E>
): Effect.Effect<ReadonlyArray<B>, E> => Effect.forEach(items, operation, { concurrency })
