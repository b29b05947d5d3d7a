/**
 * Turns of the event loop. SQLite stops the process while it works, so who comes when a turn has taken long enough waits
 * for a later one: hundreds who come at once, each with some tenths of a millisecond, would stop it for too long. Those who
 * have waited run together, which takes less.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { sqliteTurns as limits } from "../../../internal/defaults/folders.ts"

interface Turns<Operation, A, E> {
  /** Runs an operation in this turn, or in a later one, in the order in which they came. */
  readonly share: (operation: Operation) => Effect.Effect<A, E>
}

interface Options<Operation, A, E> {
  /** milliseconds that only grow */
  readonly now: () => number
  /** goes before others that wait: it ends what has waited already */
  readonly goesFirst: (operation: Operation) => boolean
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
  { dispatcher, goesFirst, now, run }: Options<Operation, A, E>
): Turns<Operation, A, E> => {
  /** the oldest first */
  const first = new Set<Waiting<Operation, A, E>>()
  const others = new Set<Waiting<Operation, A, E>>()
  let startedAt: number | undefined

  const hasTaken = (millis: number) => startedAt !== undefined && now() - startedAt >= millis

  const begin = () => {
    startedAt = now()
    dispatcher.scheduleTask(end, 0)
  }

  const end = () => {
    startedAt = undefined
    if (!hasWaiting()) return
    begin()
    do {
      const some = oldest()
      const exits = run(some.map(({ operation }) => operation))
      some.forEach(({ resume }, i) => resume(exits[i]!))
    } while (hasWaiting() && !hasTaken(limits.turnMillis))
  }

  const hasWaiting = () => first.size + others.size > 0

  const oldest = () => {
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

  const later = (operation: Operation) =>
    Effect.callback<A, E>((resume) => {
      const one = { operation, resume }
      const waiting = goesFirst(operation) ? first : others
      waiting.add(one)
      return Effect.sync(() => waiting.delete(one))
    })

  return {
    share: (operation) =>
      Effect.suspend(() => {
        if (startedAt === undefined) begin()
        return hasWaiting() || hasTaken(limits.aloneMillis) ? later(operation) : run([operation])[0]!
      })
  }
}
