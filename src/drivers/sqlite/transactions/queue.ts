/**
 * Spreads writes over turns of the event loop. SQLite blocks the thread while it works, so hundreds of writes in one
 * turn would block it for too long. Writes that have waited share one transaction, which takes less time.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import { writeQueue as limits } from "../../../internal/defaults/folders.ts"

/**
 * How an operation waits: `first` overtakes `others`, with which it shares transactions. Operations of `apart` share
 * transactions only with each other. Groups of both kinds alternate, so that neither waits for all of the other.
 */
export type Lane = "apart" | "first" | "others"

interface Options<Operation, A, E> {
  readonly now: () => number
  readonly laneOf: (operation: Operation) => Lane
  readonly dispatcher: Scheduler.SchedulerDispatcher
  readonly run: (operations: ReadonlyArray<Operation>) => ReadonlyArray<Exit.Exit<A, E>>
}

interface Waiting<Operation, A, E> {
  readonly operation: Operation
  readonly resume: (exit: Effect.Effect<A, E>) => void
}

type Lanes<Operation, A, E> = Readonly<Record<Lane, Set<Waiting<Operation, A, E>>>>

/** The waiting operations of each lane are in order of arrival. */
export interface Queue<Operation, A, E> extends Options<Operation, A, E>, Lanes<Operation, A, E> {
  startedAt: number | undefined
}

export const make = <Operation, A, E>(options: Options<Operation, A, E>): Queue<Operation, A, E> => ({
  ...options,
  apart: new Set(),
  first: new Set(),
  others: new Set(),
  startedAt: undefined
})

/** Runs an operation in this turn, or in a later turn if others are waiting or the turn has taken too long. */
export const run = <Operation, A, E>(self: Queue<Operation, A, E>, operation: Operation): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    if (self.startedAt === undefined) begin(self)
    const isLate = hasWaiting(self) || hasTaken(self, limits.aloneMillis)
    // `runSync` cannot wait.
    const canWait = fiber.getRef(Scheduler.Scheduler).executionMode === "async"
    return isLate && canWait ? later(self, operation) : self.run([operation])[0]!
  })

const later = <Operation, A, E>(self: Queue<Operation, A, E>, operation: Operation): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    // The fiber may have yielded since `run`. If the turn has ended, there may be no later one to run the operation.
    if (self.startedAt === undefined) begin(self)
    const one = { operation, resume }
    const waiting = self[self.laneOf(operation)]
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
    runGroup(self, [self.apart])
    runGroup(self, [self.first, self.others])
  } while (hasWaiting(self) && !hasTaken(self, limits.turnMillis))
}

const runGroup = <Operation, A, E>(
  self: Queue<Operation, A, E>,
  lanes: ReadonlyArray<Set<Waiting<Operation, A, E>>>
): void => {
  const some = takeOldest(lanes)
  if (some.length === 0) return
  const exits = self.run(some.map(({ operation }) => operation))
  some.forEach(({ resume }, i) => resume(exits[i]!))
}

const takeOldest = <Operation, A, E>(lanes: ReadonlyArray<Set<Waiting<Operation, A, E>>>) => {
  const some: Array<Waiting<Operation, A, E>> = []
  for (const waiting of lanes) {
    for (const one of waiting) {
      if (some.length === limits.together) return some
      waiting.delete(one)
      some.push(one)
    }
  }
  return some
}

const hasWaiting = <Operation, A, E>({ apart, first, others }: Queue<Operation, A, E>): boolean =>
  apart.size + first.size + others.size > 0

const hasTaken = <Operation, A, E>({ now, startedAt }: Queue<Operation, A, E>, millis: number): boolean =>
  startedAt !== undefined && now() - startedAt >= millis
