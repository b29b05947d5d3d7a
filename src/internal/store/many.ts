/** Operations on many ids. */
import * as Effect from "effect/Effect"
import { many } from "../defaults.ts"

/** Runs synchronous steps in groups, and yields to other fibers in between. Answers in the order of the items. */
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

const idOf = (item: string | { readonly id: string }): string => typeof item === "string" ? item : item.id

/**
 * Runs an operation for each item, some at once. Answers in the order of the items. Operations on one id run in that order
 * too, also where the storage keeps none.
 */
export const each = <A extends string | { readonly id: string }, B, E>(
  items: ReadonlyArray<A>,
  operation: (item: A) => Effect.Effect<B, E>
): Effect.Effect<ReadonlyArray<B>, E> =>
  inSteps(items, (items) => {
    const isRepeated = new Set(items.map(idOf)).size < items.length
    return Effect.forEach(items, operation, { concurrency: isRepeated ? 1 : many.concurrency })
  })
