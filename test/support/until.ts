/** Waits in real time for what another process or a server has to do first. */
import { Effect } from "effect"

/** Waits for at most 20 seconds. */
export const until = <E, R>(what: string, is: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    for (let i = 0; i < 1000; i++) {
      if (yield* is) return
      yield* Effect.sleep("20 millis")
    }
    throw new Error(`${what} did not come`)
  })
