/**
 * Back-off for a lock that another process holds. SQLite blocks the thread while it waits, so after a refusal this
 * process makes no further attempt until a pause, which doubles, has passed; then a single attempt decides for
 * everyone.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { backoff as pauses } from "../../../internal/defaults/folders.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"

export type Backoff = ReturnType<typeof make>

/** `now` is of a monotonic clock. */
export const make = (now: () => number) => ({
  now,
  /** Those that wait for an attempt that succeeds. */
  waiting: new Set<() => void>(),
  /** The last error of an attempt: until the pause is over it is thrown again at once. */
  refusal: undefined as unknown,
  pauseMillis: 0,
  pauseEndsAt: -Infinity,
  /** Since when all attempts were refused. */
  refusedSince: undefined as number | undefined,
  /** How long attempts were refused before that, in all. */
  refusedMillisBefore: 0
})

/** Makes an attempt. While a pause lasts it throws at once what was thrown last. */
export const attempt = <A>(self: Backoff, steps: () => A): A => {
  if (leftMillis(self) > 0) throw self.refusal
  const result = steps()
  reset(self)
  return result
}

/** Ends the pause: an attempt has succeeded, or there is another database. */
export const reset = (self: Backoff): void => {
  if (self.refusedSince !== undefined) endRefusals(self, self.now())
  self.pauseEndsAt = -Infinity
  self.pauseMillis = 0
  self.refusal = undefined
  if (self.waiting.size === 0) return
  const waiting = Array.from(self.waiting)
  self.waiting.clear()
  for (const wake of waiting) wake()
}

const endRefusals = (self: Backoff, at: number): void => {
  if (self.refusedSince !== undefined) self.refusedMillisBefore += at - self.refusedSince
  self.refusedSince = undefined
}

/** Begins the next pause after a refusal, unless that was thrown again because of a pause. */
const refuse = (self: Backoff, thrown: unknown): void => {
  if (isRepeated(self, thrown)) return
  const now = self.now()
  self.refusal = thrown
  // Nothing was attempted for a while.
  if (now > self.pauseEndsAt + 2 * pauses.longestMillis) endRefusals(self, self.pauseEndsAt)
  if (self.refusedSince === undefined) self.pauseMillis = 0
  self.pauseMillis = self.pauseMillis === 0
    ? pauses.firstMillis
    : Math.min(pauses.longestMillis, self.pauseMillis * 2)
  self.pauseEndsAt = now + self.pauseMillis
  self.refusedSince ??= now
}

/** Whether this was thrown before, and again because of a pause. */
export const isRepeated = ({ refusal }: Backoff, thrown: unknown): boolean =>
  refusal !== undefined && thrown === refusal

/** How long the pause lasts. The clock is asked only after a refusal: a small write makes several attempts. */
const leftMillis = (self: Backoff): number =>
  self.pauseEndsAt === -Infinity ? 0 : Math.max(0, self.pauseEndsAt - self.now())

/** How long all attempts have been refused. */
const refusedMillis = ({ now, refusedSince }: Backoff): number => refusedSince === undefined ? 0 : now() - refusedSince

/** How long attempts were refused up to now, in all. */
export const allRefusedMillis = (self: Backoff): number => self.refusedMillisBefore + refusedMillis(self)

/** Ends when an attempt has succeeded. */
const succeeded = ({ waiting }: Backoff): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // Not within the step of the attempt: each would wake the next within its own.
    const wake = () => resume(Effect.yieldNow)
    waiting.add(wake)
    return Effect.sync(() => waiting.delete(wake))
  })

// ---------------------------------------------------------------------------------------------------------------------
// operations that are tried again
// ---------------------------------------------------------------------------------------------------------------------

/** The error of an attempt that was refused, and the back-off that counts it. */
export interface Refused {
  readonly backoff: Backoff
  readonly thrown: unknown
}

interface Retrying<E> {
  /** How long to try, in milliseconds. */
  readonly millis: number
  /** `undefined` for an error that does not go by itself. */
  readonly refusedBy: (error: E) => Refused | undefined
}

/**
 * Runs an operation that can be run twice, and again while it fails because another process writes. It does not wait
 * where this process has not got the lock for so long already.
 */
export const retrying = <A, E>(once: Effect.Effect<A, E>, options: Retrying<E>): Effect.Effect<A, E> =>
  Effect.catchIf(
    once,
    (error) => options.refusedBy(error) !== undefined,
    (error) => again(once, options, error)
  )

const again: <A, E>(once: Effect.Effect<A, E>, options: Retrying<E>, first: E) => Effect.Effect<A, E> = Effect
  .fnUntraced(
    function*(once, { millis, refusedBy }, first) {
      const clock = yield* Clock.Clock
      let error = first
      for (let waitedMillis = 0;;) {
        const refused = refusedBy(error)
        if (refused === undefined) break
        const { backoff, thrown } = refused
        // The one that made the attempt makes the next one for all: the others wait until it succeeds or gives up.
        const isNext = !isRepeated(backoff, thrown)
        refuse(backoff, thrown)
        if (waitedMillis >= millis || refusedMillis(backoff) >= millis) break
        const leastMillis = isNext ? Math.max(1, leftMillis(backoff)) : 2 * pauses.longestMillis
        // Some later, so that processes do not ask in step.
        const pauseMillis = Math.min(leastMillis * (1 + 0.4 * (yield* Random.next)), Math.max(1, millis - waitedMillis))
        const startedAt = monotonicMillis(clock)
        if (isNext) yield* Effect.sleep(pauseMillis)
        else yield* Effect.timeoutOption(succeeded(backoff), pauseMillis)
        waitedMillis += monotonicMillis(clock) - startedAt
        const answer = yield* Effect.result(once)
        if (Result.isSuccess(answer)) return answer.success
        error = answer.failure
      }
      return yield* Effect.fail(error)
    }
  )
