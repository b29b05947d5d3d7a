/** Operations on many ids, in steps that leave other fibers their turn. */
import * as Effect from "effect/Effect"
import { many } from "../defaults.ts"

/** Runs plain steps, so many at once, and answers in the order of the items. */
export const inSteps = Effect.fnUntraced(function*<A, B, E>(
  items: ReadonlyArray<A>,
  step: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>
): Effect.fn.Return<ReadonlyArray<B>, E> {
  if (items.length <= many.steps) return items.length === 0 ? [] : yield* step(items)
  const answers: Array<B> = []
  for (let from = 0; from < items.length; from += many.steps) {
    if (from > 0) yield* Effect.yieldNow
    answers.push(...yield* step(items.slice(from, from + many.steps)))
  }
  return answers
})

/** Runs an operation for each, and answers in the order of the items. */
export const each = <A, B, E>(
  items: ReadonlyArray<A>,
  operation: (item: A) => Effect.Effect<B, E>
): Effect.Effect<ReadonlyArray<B>, E> => Effect.forEach(items, operation, { concurrency: many.concurrency })
