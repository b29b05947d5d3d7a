/** Requests for the chunks of a long list. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { chunk, wavesAtOnce } from "../defaults/bounds.ts"
import { startsOf } from "./chunks.ts"
import { monotonicMillis } from "./monotonic.ts"

/** How many times as long as one wave several waves may take if most of that time is spent on the way to the store. */
const tolerance = 1.5

/**
 * Sends the chunks of a list one after the other, but more and more of them at once while that takes hardly longer than
 * sending one, because then the store is far away. A store that processes them one by one would exceed its time limit.
 */
export const forEachWave = <A, E, R>(
  items: ReadonlyArray<A>,
  send: (wave: ReadonlyArray<A>, from: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> => items.length <= chunk ? Effect.asVoid(send(items, 0)) : sendAll(items, send)

const sendAll: typeof forEachWave = Effect.fnUntraced(function*(items, send) {
  const clock = yield* Clock.Clock
  const starts = startsOf(items)
  let aloneMillis = 0
  let atOnce = 1
  let isFar = true
  for (let i = 0; i < starts.length;) {
    const beganAt = monotonicMillis(clock)
    const some = starts.slice(i, i + atOnce)
    yield* Effect.forEach(some, (from) => send(items.slice(from, from + chunk), from), {
      concurrency: "unbounded",
      discard: true
    })
    const tookMillis = monotonicMillis(clock) - beganAt
    if (i === 0) aloneMillis = tookMillis
    isFar &&= tookMillis > 0 && tookMillis <= tolerance * aloneMillis
    i += some.length
    atOnce = isFar ? Math.min(wavesAtOnce, 2 * atOnce) : 1
    yield* Effect.yieldNow
  }
})
