/**
 * Backoff for a lock that another process holds. SQLite blocks the thread while it waits, so after a refusal this
 * process makes no attempt during a pause. Each pause is twice as long as the last. After a pause, one operation, the
 * leader, makes an attempt for all waiting operations. Thousands may wait, so only a limited number resumes per turn.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { backoff as pauses } from "../../../internal/defaults/folders.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"

export type Backoff = ReturnType<typeof make>

interface Waiting {
  readonly endsAt: number
  readonly resume: (outcome: "again" | "timeout") => void
}

/** `now` reads a monotonic clock, in milliseconds. `dispatcher` runs tasks in later turns of the event loop. */
export const make = (now: () => number, dispatcher: SchedulerDispatcher) => ({
  now,
  dispatcher,
  waiting: new Set<Waiting>(),
  /** How many operations are making attempts: usually at most one, but two may overlap for a moment. */
  leaders: 0,
  isResuming: false,
  /** The error of the last refused attempt, which is thrown again at once until the pause is over. */
  refusal: undefined as unknown,
  pauseMillis: 0,
  pauseEndsAt: -Infinity,
  refusedSince: undefined as number | undefined,
  /** The total time, in milliseconds, during which attempts were refused before `refusedSince`. */
  refusedMillisBefore: 0
})

/** Runs steps that may be refused. During a pause, throws the last refusal again instead. */
export const attempt = <A>(self: Backoff, steps: () => A): A => {
  if (leftMillis(self) > 0) throw self.refusal
  const result = steps()
  reset(self)
  return result
}

export const reset = (self: Backoff): void => {
  if (self.refusedSince !== undefined) endRefusals(self, self.now())
  self.pauseEndsAt = -Infinity
  self.pauseMillis = 0
  self.refusal = undefined
  resumeInNextTurn(self)
}

const endRefusals = (self: Backoff, at: number): void => {
  if (self.refusedSince !== undefined) self.refusedMillisBefore += at - self.refusedSince
  self.refusedSince = undefined
}

/** Begins the next pause after a refusal, unless the refusal was only thrown again during a pause. */
const refuse = (self: Backoff, thrown: unknown): void => {
  if (isRepeated(self, thrown)) return
  const now = self.now()
  self.refusal = thrown
  // No attempt was made for a while, so the earlier series of refusals ended with its last pause.
  if (now > self.pauseEndsAt + 2 * pauses.longestMillis) endRefusals(self, self.pauseEndsAt)
  if (self.refusedSince === undefined) self.pauseMillis = 0
  self.pauseMillis = self.pauseMillis === 0
    ? pauses.firstMillis
    : Math.min(pauses.longestMillis, self.pauseMillis * 2)
  self.pauseEndsAt = now + self.pauseMillis
  self.refusedSince ??= now
}

export const isRepeated = ({ refusal }: Backoff, thrown: unknown): boolean =>
  refusal !== undefined && thrown === refusal

/** The remaining pause in milliseconds. This function is called often, so it reads the clock only after a refusal. */
const leftMillis = (self: Backoff): number =>
  self.pauseEndsAt === -Infinity ? 0 : Math.max(0, self.pauseEndsAt - self.now())

const refusedMillis = ({ now, refusedSince }: Backoff): number => refusedSince === undefined ? 0 : now() - refusedSince

export const allRefusedMillis = (self: Backoff): number => self.refusedMillisBefore + refusedMillis(self)

const wait = (self: Backoff, millis: number): Effect.Effect<"again" | "timeout"> =>
  Effect.callback((resume) => {
    const one: Waiting = { endsAt: self.now() + millis, resume: (outcome) => resume(Effect.succeed(outcome)) }
    if (self.leaders === 0) return one.resume("again")
    self.waiting.add(one)
    return Effect.sync(() => self.waiting.delete(one))
  })

/** Resumes waiting operations in the next turn. In the same turn, they would resume one another recursively. */
const resumeInNextTurn = (self: Backoff): void => {
  if (self.isResuming || self.waiting.size === 0) return
  self.isResuming = true
  self.dispatcher.scheduleTask(() => resumeSome(self), 0)
}

/** Resumes a few waiting operations. If there is no leader, the first of them that is refused becomes the leader. */
const resumeSome = (self: Backoff): void => {
  self.isResuming = false
  const isRefused = self.refusedSince !== undefined
  const now = self.now()
  let left = pauses.resumedOfTurn
  for (const one of self.waiting) {
    const isOver = isRefused && now >= one.endsAt
    if (isRefused && self.leaders > 0 && !isOver) continue
    if (left-- === 0) return resumeInNextTurn(self)
    self.waiting.delete(one)
    one.resume(isOver ? "timeout" : "again")
  }
}

/** The leader's pause, randomized so that processes do not retry in step. It ends no later than the next timeout. */
const leaderPauseMillis = (self: Backoff, longestMillis: number, random: number): number => {
  const now = self.now()
  let endsAt = now + longestMillis
  for (const one of self.waiting) endsAt = Math.min(endsAt, one.endsAt)
  return Math.max(1, Math.ceil(Math.min(leftMillis(self) * (1 + 0.4 * random), endsAt - now)))
}

/** Runs an attempt as the leader. Afterwards, even after an interruption, another operation may become the leader. */
const lead = <A>(self: Backoff, attempt: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.acquireUseRelease(
    Effect.sync(() => self.leaders++),
    () => attempt,
    () =>
      Effect.sync(() => {
        self.leaders--
        resumeInNextTurn(self)
      })
  )

export interface Refused {
  readonly backoff: Backoff
  readonly thrown: unknown
}

interface Retrying<E> {
  readonly millis: number
  /** Returns the backoff that applies to an error. `undefined` if a retry would not help. */
  readonly refusedBy: (error: E) => Refused | undefined
}

/** Retries a refused operation until it has waited for `millis`, or attempts have been refused for that long. */
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
        if (backoff.leaders > 0) {
          const startedAt = monotonicMillis(clock)
          if ((yield* wait(backoff, leftMillis)) === "timeout") break
          waitedMillis += monotonicMillis(clock) - startedAt
          answer = yield* Effect.result(once)
        } else {
          const pauseMillis = leaderPauseMillis(backoff, leftMillis, yield* Random.next)
          waitedMillis += pauseMillis
          answer = yield* lead(backoff, Effect.delay(Effect.result(once), pauseMillis))
        }
        if (Result.isSuccess(answer)) return answer.success
        error = answer.failure
      }
      return yield* Effect.fail(error)
    }
  )
