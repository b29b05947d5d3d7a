/**
 * Turns of the event loop. SQLite stops the process while it works, so who comes when a turn has taken long enough waits
 * for a later one: hundreds who come at once, each with some tenths of a millisecond, would stop it for too long. Those who
 * have waited run together, which takes less.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { sqliteTurns as limits } from "../../internal/defaults.ts"

interface Turns<Operation, A, E> {
  /** Runs an operation in this turn, or in a later one, in the order in which they came. */
  readonly share: (operation: Operation) => Effect.Effect<A, E>
}

interface Options<Operation, A, E> {
  /** milliseconds that only grow */
  readonly now: () => number
  /** runs what is to come in a later turn */
  readonly dispatcher: SchedulerDispatcher
  /** runs operations, one or some, and answers for each what it has ended with */
  readonly run: (operations: ReadonlyArray<Operation>) => ReadonlyArray<Exit.Exit<A, E>>
}

interface Waiting<Operation, A, E> {
  readonly operation: Operation
  readonly resume: (exit: Effect.Effect<A, E>) => void
}

export const make = <Operation, A, E>(
  { dispatcher, now, run }: Options<Operation, A, E>
): Turns<Operation, A, E> => {
  /** the oldest first */
  const waiting = new Set<Waiting<Operation, A, E>>()
  let startedAt: number | undefined

  const hasTaken = (millis: number) => startedAt !== undefined && now() - startedAt >= millis

  const begin = () => {
    startedAt = now()
    dispatcher.scheduleTask(end, 0)
  }

  const end = () => {
    startedAt = undefined
    if (waiting.size === 0) return
    begin()
    while (waiting.size > 0 && !hasTaken(limits.turnMillis)) {
      const some = oldest()
      const exits = run(some.map(({ operation }) => operation))
      some.forEach(({ resume }, i) => resume(exits[i]!))
    }
  }

  const oldest = () => {
    const some: Array<Waiting<Operation, A, E>> = []
    for (const one of waiting) {
      waiting.delete(one)
      if (some.push(one) === limits.together) break
    }
    return some
  }

  const later = (operation: Operation) =>
    Effect.callback<A, E>((resume) => {
      const one = { operation, resume }
      waiting.add(one)
      return Effect.sync(() => waiting.delete(one))
    })

  return {
    share: (operation) =>
      Effect.suspend(() => {
        if (startedAt === undefined) begin()
        return waiting.size > 0 || hasTaken(limits.aloneMillis) ? later(operation) : run([operation])[0]!
      })
  }
}
