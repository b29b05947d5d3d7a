/** Limits the wait for answers. Waits in several sleeps, between which a busy program can read answers. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"

type Answer = (is: boolean) => void

interface Question {
  readonly answer: Answer
  readonly askedAt: number
}

export interface Questions {
  readonly open: Set<Question>
  readonly isAsked: Latch.Latch
  looks: number
}

export const make: Effect.Effect<Questions, never, Scope.Scope> = Effect.gen(function*() {
  const self: Questions = { open: new Set(), isAsked: Latch.makeUnsafe(), looks: 0 }
  const { ownWriteLooks, ownWriteMillis } = Limits.tracking
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(
    self.isAsked.await,
    Effect.andThen(Effect.sleep(ownWriteMillis / ownWriteLooks), Effect.sync(() => look(self)))
  )))
  return self
})

const look = (self: Questions): void => {
  self.looks++
  for (const question of self.open) {
    if (self.looks - question.askedAt <= Limits.tracking.ownWriteLooks) break
    self.open.delete(question)
    question.answer(false)
  }
  if (self.open.size === 0) self.isAsked.closeUnsafe()
}

/** Wraps a callback so that it is called once: with the given answer, or with `false` if the answer takes too long. */
export const inTime = (self: Questions, answer: Answer): Answer => {
  const question: Question = { answer, askedAt: self.looks }
  self.open.add(question)
  self.isAsked.openUnsafe()
  return (is) => {
    if (self.open.delete(question)) answer(is)
  }
}
