/** Sends requests for a long list, one for each chunk of the list. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { waves } from "../defaults/bounds.ts"
import { startsOf } from "./chunks.ts"
import { monotonicMillis } from "./monotonic.ts"
import * as TurnLimit from "./turnLimit.ts"

/** The store counts as far away if several waves at once take at most this many times as long as one. */
const tolerance = 1.5

/**
 * Sends the chunks of a list one by one at first, because a store that gets many at once could exceed its time limit.
 * As long as several at once take hardly longer than one, the store is only far away, and their number is doubled.
 * Each chunk begins in its own turn of the event loop. With `inTurn`, a wave waits for a turn to handle its answer.
 */
export const forEachWave = <A, E, R>(
  items: ReadonlyArray<A>,
  send: (wave: ReadonlyArray<A>, from: number, inTurn: Effect.Effect<void>) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> =>
  items.length <= waves.size ? Effect.asVoid(send(items, 0, Effect.void)) : sendAll(items, send)

const sendAll: typeof forEachWave = Effect.fnUntraced(function*(items, send) {
  const clock = yield* Clock.Clock
  const { currentDispatcher } = yield* Effect.fiber
  const inTurn = TurnLimit.pass(TurnLimit.make(1, currentDispatcher))
  const starts = startsOf(items, waves.size)
  let aloneMillis = 0
  let atOnce = 1
  let isFar = true
  for (let i = 0; i < starts.length;) {
    const beganAt = monotonicMillis(clock)
    const some = starts.slice(i, i + atOnce)
    const sendFrom = (from: number) => Effect.andThen(inTurn, send(items.slice(from, from + waves.size), from, inTurn))
    yield* Effect.forEach(some, sendFrom, {
      concurrency: "unbounded",
      discard: true
    })
    const tookMillis = monotonicMillis(clock) - beganAt
    if (i === 0) aloneMillis = tookMillis
    isFar &&= tookMillis > 0 && tookMillis <= tolerance * aloneMillis
    i += some.length
    atOnce = isFar ? Math.min(waves.atOnce, 2 * atOnce) : 1
    yield* Effect.yieldNow
  }
})
