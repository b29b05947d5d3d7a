/** Combines the answers to several commands, and converts callbacks to effects. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Limits from "../../../internal/defaults/redis.ts"
import { chunksOf } from "../../../internal/time/chunks.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault } from "../fault.ts"

/** Asks for all items at once. `done` gets all answers in order, or the first fault. `decode` also gets faults. */
export const all = <A>(
  items: ReadonlyArray<A>,
  ask: (item: A, done: Done) => void,
  done: Done,
  decode?: (answer: unknown) => unknown
): void => {
  const answers = new Array<unknown>(items.length)
  let left = items.length
  let fault: Fault | undefined
  if (left === 0) return done(answers)
  items.forEach((item, i) =>
    ask(item, (given) => {
      const answer = decode === undefined ? given : decode(given)
      if (isFault(answer)) fault ??= answer
      else answers[i] = answer
      if (--left === 0) done(fault ?? answers)
    })
  )
}

export const both = (done: (first: unknown, second: unknown) => void): readonly [first: Done, second: Done] => {
  let first: unknown
  let second: unknown
  let left = 2
  return [
    (answer) => {
      first = answer
      if (--left === 0) done(first, second)
    },
    (answer) => {
      second = answer
      if (--left === 0) done(first, second)
    }
  ]
}

export const asEffect = <A, E>(
  ask: (done: Done) => void,
  decode: (answer: unknown) => A | Fault,
  toError: (fault: Fault) => E
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    ask((answer) => {
      const value = isFault(answer) ? answer : decode(answer)
      resume(isFault(value) ? Exit.fail(toError(value)) : Exit.succeed(value))
    })
  })

export const perCommand = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  items.length === 0 ? [items] : chunksOf(items, Limits.keysPerCommand)
