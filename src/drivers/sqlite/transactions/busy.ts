/** Operations that are tried again while another process writes. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { busy } from "../../../internal/defaults/folders.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"
import type { Gate } from "./backoff.ts"

/** What was refused, and the gate that it closes. */
export interface Refused {
  readonly gate: Gate
  readonly thrown: unknown
}

interface Trying<E> {
  /** how long to try, in milliseconds */
  readonly millis: number
  /** `undefined` for an error that does not go by itself */
  readonly refusedBy: (error: E) => Refused | undefined
}

/**
 * Runs an operation that can be run twice, and again while it fails because another process writes. Nobody waits where
 * nobody of this process got the lock for so long already.
 */
export const trying = <A, E>(once: Effect.Effect<A, E>, options: Trying<E>): Effect.Effect<A, E> =>
  Effect.catchIf(
    once,
    (error) => options.refusedBy(error) !== undefined,
    (error) => again(once, options, error)
  )

const again: <A, E>(once: Effect.Effect<A, E>, options: Trying<E>, first: E) => Effect.Effect<A, E> = Effect.fnUntraced(
  function*(once, { millis, refusedBy }, first) {
    const clock = yield* Clock.Clock
    let error = first
    for (let waitedMillis = 0;;) {
      const refused = refusedBy(error)
      if (refused === undefined) break
      const { gate, thrown } = refused
      // who has asked asks again for all: the others wait until it has passed, or has left
      const isOne = !gate.isKnown(thrown)
      gate.refused(thrown)
      if (waitedMillis >= millis || gate.closedMillis() >= millis) break
      const leastMillis = isOne ? Math.max(1, gate.leftMillis()) : 2 * busy.longestMillis
      // later by some, so that processes do not ask in step
      const pauseMillis = Math.min(leastMillis * (1 + 0.4 * (yield* Random.next)), Math.max(1, millis - waitedMillis))
      const startedAt = monotonicMillis(clock)
      if (isOne) yield* Effect.sleep(pauseMillis)
      else yield* Effect.timeoutOption(gate.passed, pauseMillis)
      waitedMillis += monotonicMillis(clock) - startedAt
      const answer = yield* Effect.result(once)
      if (Result.isSuccess(answer)) return answer.success
      error = answer.failure
    }
    return yield* Effect.fail(error)
  }
)
