/** Processes long streams in slices, between which other fibers and timers run. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunk, turnMillis } from "../defaults/bounds.ts"
import { monotonicMillis } from "./monotonic.ts"

/** Limits the duration of a slice. Effect limits only a fiber's number of steps, and each step may take a long time. */
const inTurns = <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.transformPull(self, (pull) =>
    Effect.clockWith((clock) => {
      let beganAt = monotonicMillis(clock)
      const inNextTurn = Effect.flatMap(Effect.yieldNow, () => {
        beganAt = monotonicMillis(clock)
        return pull
      })
      return Effect.succeed(
        Effect.suspend(() => monotonicMillis(clock) - beganAt < turnMillis ? pull : inNextTurn)
      )
    }))

export const each = <A>(items: Iterable<A>): Stream.Stream<A> =>
  inTurns(Stream.fromIterable(items, { chunkSize: chunk }))

export const inChunks = <A, E, R>(
  self: Stream.Stream<A, E, R>
): Stream.Stream<readonly [A, ...Array<A>], E, R> => inTurns(Stream.grouped(self, chunk))
