/** Sends requests for a long list, one for each chunk of the list. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { waves } from "../defaults/bounds.ts"
import { monotonicMillis } from "./monotonic.ts"
import * as TurnLimit from "./turnLimit.ts"

/** The store counts as far away if several waves at once take at most this many times as long as one. */
const tolerance = 1.5

/**
 * Sends the chunks of a list one by one at first, because a store that gets many at once could exceed its time limit.
 * As long as several at once take hardly longer than one, the store is only far away, and their number is doubled.
 * Each chunk begins in its own turn of the event loop. With `inTurn`, a wave waits for a turn to handle its answer.
 * `most` is the size up to which chunks grow while a store that is near answers quickly.
 */
export const forEachWave = <A, E, R>(
  items: ReadonlyArray<A>,
  send: (wave: ReadonlyArray<A>, from: number, inTurn: Effect.Effect<void>) => Effect.Effect<unknown, E, R>,
  most = waves.size
): Effect.Effect<void, E, R> =>
  items.length <= waves.size ? Effect.asVoid(send(items, 0, Effect.void)) : sendAll(items, send, most)

const sendAll: typeof forEachWave = Effect.fnUntraced(function*(items, send, most = waves.size) {
  const clock = yield* Clock.Clock
  const { currentDispatcher } = yield* Effect.fiber
  const inTurn = TurnLimit.pass(TurnLimit.make(1, currentDispatcher))
  let { size } = waves
  let aloneMillis = 0
  let atOnce = 1
  let isFar = true
  for (let next = 0; next < items.length;) {
    const beganAt = monotonicMillis(clock)
    const isFirst = next === 0
    const some: Array<number> = []
    for (; some.length < atOnce && next < items.length; next += size) some.push(next)
    const sendFrom = (from: number) => Effect.andThen(inTurn, send(items.slice(from, from + size), from, inTurn))
    yield* Effect.forEach(some, sendFrom, {
      concurrency: "unbounded",
      discard: true
    })
    const tookMillis = monotonicMillis(clock) - beganAt
    if (isFirst) aloneMillis = tookMillis
    isFar &&= tookMillis > 0 && tookMillis <= tolerance * aloneMillis
    atOnce = isFar ? Math.min(waves.atOnce, 2 * atOnce) : 1
    if (!isFar && tookMillis > 0) {
      size = tookMillis < waves.quickMillis ? Math.min(most, 2 * size) : Math.max(waves.size, size / 2)
    }
    yield* Effect.yieldNow
  }
})
