/**
 * Spreads writes over turns of the event loop. SQLite blocks the thread while it works, so hundreds of writes in one
 * turn would block it for too long. Writes that have waited share one transaction, which takes less time.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { writeQueue as limits } from "../../../internal/defaults/folders.ts"

interface Options<Operation, A, E> {
  readonly now: () => number
  /** Whether an operation finishes work that has already begun, and so overtakes other waiting operations. */
  readonly goesFirst: (operation: Operation) => boolean
  readonly dispatcher: SchedulerDispatcher
  readonly run: (operations: ReadonlyArray<Operation>) => ReadonlyArray<Exit.Exit<A, E>>
}

interface Waiting<Operation, A, E> {
  readonly operation: Operation
  readonly resume: (exit: Effect.Effect<A, E>) => void
}

export interface Queue<Operation, A, E> extends Options<Operation, A, E> {
  /** Waiting operations that overtake `others`, in order of arrival. */
  readonly first: Set<Waiting<Operation, A, E>>
  readonly others: Set<Waiting<Operation, A, E>>
  startedAt: number | undefined
}

export const make = <Operation, A, E>(options: Options<Operation, A, E>): Queue<Operation, A, E> => ({
  ...options,
  first: new Set(),
  others: new Set(),
  startedAt: undefined
})

/** Runs an operation in this turn, or in a later turn if others are waiting or the turn has taken too long. */
export const run = <Operation, A, E>(self: Queue<Operation, A, E>, operation: Operation): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    if (self.startedAt === undefined) begin(self)
    return hasWaiting(self) || hasTaken(self, limits.aloneMillis) ? later(self, operation) : self.run([operation])[0]!
  })

const later = <Operation, A, E>(self: Queue<Operation, A, E>, operation: Operation): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const one = { operation, resume }
    const waiting = self.goesFirst(operation) ? self.first : self.others
    waiting.add(one)
    return Effect.sync(() => waiting.delete(one))
  })

const begin = <Operation, A, E>(self: Queue<Operation, A, E>): void => {
  self.startedAt = self.now()
  self.dispatcher.scheduleTask(() => endTurn(self), 0)
}

const endTurn = <Operation, A, E>(self: Queue<Operation, A, E>): void => {
  self.startedAt = undefined
  if (!hasWaiting(self)) return
  begin(self)
  do {
    const some = takeOldest(self)
    const exits = self.run(some.map(({ operation }) => operation))
    some.forEach(({ resume }, i) => resume(exits[i]!))
  } while (hasWaiting(self) && !hasTaken(self, limits.turnMillis))
}

const takeOldest = <Operation, A, E>({ first, others }: Queue<Operation, A, E>) => {
  const some: Array<Waiting<Operation, A, E>> = []
  for (const waiting of [first, others]) {
    for (const one of waiting) {
      if (some.length === limits.together) return some
      waiting.delete(one)
      some.push(one)
    }
  }
  return some
}

const hasWaiting = <Operation, A, E>({ first, others }: Queue<Operation, A, E>): boolean => first.size + others.size > 0

const hasTaken = <Operation, A, E>({ now, startedAt }: Queue<Operation, A, E>, millis: number): boolean =>
  startedAt !== undefined && now() - startedAt >= millis
