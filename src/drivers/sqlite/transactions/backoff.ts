/**
 * Back-off for a lock that another process holds. SQLite blocks the thread while it waits, so after a refusal this
 * process makes no further attempt until a pause, which doubles, has passed; then a single attempt decides for
 * everyone. Those that wait have no timer of their own: the one that makes the attempts wakes them, some in each turn of
 * the event loop, because thousands may wait.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { backoff as pauses } from "../../../internal/defaults/folders.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"

export type Backoff = ReturnType<typeof make>

/** An operation that waits for an attempt of another one. */
interface Waiting {
  /** When it gives up, unless an attempt succeeds before. */
  readonly endsAt: number
  /** Whether its time is over is the answer that it gets. */
  readonly wake: (isOver: boolean) => void
}

/** `now` is of a monotonic clock. `dispatcher` runs what is to come in a later turn. */
export const make = (now: () => number, dispatcher: SchedulerDispatcher) => ({
  now,
  dispatcher,
  waiting: new Set<Waiting>(),
  /** One of the operations makes the attempts. */
  isLed: false,
  /** Some are to be woken in the next turn. */
  isWaking: false,
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
  wakeSoon(self)
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

/** Ends when an attempt has succeeded or no other operation makes one; with `true`, after so long a time. */
const woken = (self: Backoff, millis: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const one = { endsAt: self.now() + millis, wake: (isOver: boolean) => resume(Effect.succeed(isOver)) }
    self.waiting.add(one)
    return Effect.sync(() => self.waiting.delete(one))
  })

/** Not within the step of an attempt: each would wake the next within its own. */
const wakeSoon = (self: Backoff): void => {
  if (self.isWaking || self.waiting.size === 0) return
  self.isWaking = true
  self.dispatcher.scheduleTask(() => wakeSome(self), 0)
}

/** Wakes those whose time is over, and all while nobody makes attempts for them: the first that is refused does. */
const wakeSome = (self: Backoff): void => {
  self.isWaking = false
  let left = pauses.wokenOfTurn
  for (const one of self.waiting) {
    const isOver = self.refusedSince !== undefined && self.now() >= one.endsAt
    if (self.isLed && !isOver) continue
    if (left-- === 0) return wakeSoon(self)
    self.waiting.delete(one)
    one.wake(isOver)
  }
}

/** The pause before the next attempt: some longer, so that processes do not ask in step, and until somebody gives up. */
const pauseOf = (self: Backoff, longestMillis: number, dice: number): number => {
  let endsAt = self.now() + longestMillis
  for (const one of self.waiting) endsAt = Math.min(endsAt, one.endsAt)
  return Math.max(1, Math.ceil(Math.min(leftMillis(self) * (1 + 0.4 * dice), endsAt - self.now())))
}

/** An attempt for all. Where it ends otherwise than by success, one of the others makes the next. */
const leading = <A>(self: Backoff, attempt: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    self.isLed = true
    return Effect.ensuring(
      attempt,
      Effect.sync(() => {
        self.isLed = false
        wakeSoon(self)
      })
    )
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
        refuse(backoff, thrown)
        const leftMillis = millis - Math.max(waitedMillis, refusedMillis(backoff))
        if (leftMillis <= 0) break
        let answer
        if (backoff.isLed) {
          const startedAt = monotonicMillis(clock)
          if (yield* woken(backoff, leftMillis)) break
          waitedMillis += monotonicMillis(clock) - startedAt
          answer = yield* Effect.result(once)
        } else {
          const pauseMillis = pauseOf(backoff, leftMillis, yield* Random.next)
          waitedMillis += pauseMillis
          answer = yield* leading(backoff, Effect.delay(Effect.result(once), pauseMillis))
        }
        if (Result.isSuccess(answer)) return answer.success
        error = answer.failure
      }
      return yield* Effect.fail(error)
    }
  )
