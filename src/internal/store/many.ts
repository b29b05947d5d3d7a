/** Runs operations on many ids, and wraps listings page by page. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type { Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import { chunk, many, turnMillis } from "../defaults/bounds.ts"
import { monotonicMillis } from "../time/monotonic.ts"
import { inParts } from "../time/turns.ts"

/** How many items one step takes, as learned from earlier steps of the same operation. */
export interface Pace {
  steps: number
}

export const newPace = (): Pace => ({ steps: many.firstSteps })

/** Runs a step for groups of items, and yields between groups. A slow step (with large values) shrinks the groups. */
export const inSteps = <A, B, E>(
  items: ReadonlyArray<A>,
  step: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>,
  pace = newPace()
): Effect.Effect<ReadonlyArray<B>, E> =>
  items.length > many.firstSteps
    ? inManySteps(items, step, pace)
    : Effect.suspend(() => items.length === 0 ? Effect.succeed([]) : step(items))

const inManySteps = Effect.fnUntraced(function*<A, B, E>(
  items: ReadonlyArray<A>,
  step: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>,
  pace: Pace
): Effect.fn.Return<ReadonlyArray<B>, E> {
  const clock = yield* Clock.Clock
  const answers: Array<B> = []
  for (let from = 0; from < items.length;) {
    if (from > 0) yield* Effect.yieldNow
    const startedAt = monotonicMillis(clock)
    const some = items.slice(from, endOf(items, from, pace.steps))
    answers.push(...yield* step(some))
    from += some.length
    const isQuick = monotonicMillis(clock) - startedAt < turnMillis
    if (!isQuick) pace.steps = Math.max(1, some.length >> 1)
    else if (some.length === pace.steps) pace.steps = Math.min(chunk, pace.steps * 2)
  }
  return answers
})

/** The end of a group: after `steps` items, or earlier once the total size of their values is large. */
const endOf = (items: ReadonlyArray<unknown>, from: number, steps: number): number => {
  const most = Math.min(items.length, from + steps)
  let to = from
  let bytes = 0
  while (to < most && bytes < many.bytes) {
    bytes += (items[to] as { readonly entry?: Stored | undefined }).entry?.payload.length ?? 0
    to++
  }
  return to
}

/** An id, or a request for one. */
export type Item = string | { readonly id: string }

export const idOf = (item: Item): string => typeof item === "string" ? item : item.id

/** The answer to a request of one item. */
export const only = <A>(answers: Effect.Effect<ReadonlyArray<A>, StoreError>): Effect.Effect<A, StoreError> =>
  Effect.map(answers, ([answer]) => answer!)

/** Runs an operation for each item: concurrently, or one after another if an id occurs twice, to keep the order. */
export const each = <A extends Item, B, E>(
  items: ReadonlyArray<A>,
  operation: (item: A) => Effect.Effect<B, E>
): Effect.Effect<ReadonlyArray<B>, E> => inSteps(items, (items) => inOrder(items, operation, many.concurrency))

/** Like `each`, but with more operations at once, because all requests of a wave share one time budget. */
export const atOnce = <A extends Item, B, E>(
  items: ReadonlyArray<A>,
  operation: (item: A) => Effect.Effect<B, E>
): Effect.Effect<ReadonlyArray<B>, E> => inParts(items, (items) => inOrder(items, operation, chunk))

const inOrder = <A extends Item, B, E>(
  items: ReadonlyArray<A>,
  operation: (item: A) => Effect.Effect<B, E>,
  concurrency: number
): Effect.Effect<ReadonlyArray<B>, E> => {
  if (items.length === 1) return Effect.map(operation(items[0]!), (answer) => [answer])
  const isRepeated = new Set(items.map(idOf)).size < items.length
  return Effect.forEach(items, operation, { concurrency: isRepeated ? 1 : concurrency })
}

/** Passes each page of a listing through `around`. At the end of the listing, `around` gets an `undefined` page. */
export const pageByPage = <A>(
  pull: Pull.Pull<A, StoreError>,
  around: (page: Effect.Effect<A | undefined, StoreError>) => Effect.Effect<A | undefined, StoreError>
): Pull.Pull<A, StoreError> =>
  Effect.flatMap(
    around(Pull.catchDone(pull, () => Effect.undefined) as Effect.Effect<A | undefined, StoreError>),
    (page): Pull.Pull<A, StoreError> => page === undefined ? Cause.done() : Effect.succeed(page)
  )
