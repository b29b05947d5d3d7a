/** Operations that are tried again while another process writes. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Gate } from "./sqliteGate.ts"

interface Trying<E> {
  readonly gate: Gate
  /** how long to try, in milliseconds */
  readonly millis: number
  /** what SQLite threw */
  readonly thrownOf: (error: E) => unknown
  readonly isBusy: (error: E) => boolean
}

/**
 * Runs an operation that can be run twice, and again while it fails because another process writes. Nobody waits where
 * nobody of this process got the lock for so long already.
 */
export const trying = <A, E>(once: Effect.Effect<A, E>, options: Trying<E>): Effect.Effect<A, E> => {
  const { gate, isBusy, millis, thrownOf } = options
  const refused = (error: E) => {
    gate.refused(thrownOf(error))
    return gate.closedMillis() < millis
  }
  const again = Effect.fnUntraced(function*(first: E): Effect.fn.Return<A, E> {
    let error = first
    for (let waitedMillis = 0; refused(error) && waitedMillis < millis;) {
      // later by some, so that processes do not ask in step
      const pauseMillis = Math.max(1, gate.leftMillis()) * (1 + 0.4 * (yield* Random.next))
      yield* Effect.sleep(pauseMillis)
      waitedMillis += pauseMillis
      const answer = yield* Effect.result(once)
      if (Result.isSuccess(answer)) return answer.success
      error = answer.failure
      if (!isBusy(error)) break
    }
    return yield* Effect.fail(error)
  })
  return Effect.catchIf(once, isBusy, again)
}
