/**
 * What is done to one id is done in the order it was asked, one after another: the next begins when the one before has
 * truly settled, not when its caller lost patience. Ids do not wait for each other.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

interface Task {
  readonly effect: Effect.Effect<unknown, unknown>
  readonly context: Context.Context<never>
  // The line completes it untyped; `run` gives it back with the types of its effect.
  readonly done: Deferred.Deferred<any, any>
  readonly kind: Kind
  abandoned: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

/**
 * What becomes of an effect whose caller is interrupted. Before its turn, a `read` or a `write` leaves the line, and a
 * `removal` is done all the same. In its turn, a `read` is interrupted and the line goes on, and a `write` or a `removal`
 * runs to its end.
 */
type Kind = "read" | "write" | "removal"

interface Lines {
  /** Runs an effect when the id's turn comes. */
  readonly run: <A, E>(id: string, kind: Kind, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** the ids something is done to */
  readonly busy: () => ReadonlyArray<string>
}

export const make = (): Lines => {
  const lines = new Map<string, Array<Task>>()

  // A loop, not a recursion: ten thousand effects that settle at once must not need ten thousand stack frames.
  const drain = (id: string, line: Array<Task>) => {
    while (line.length > 0) {
      const task = line[0]!
      const fiber = Effect.runForkWith(task.context)(task.effect)
      const exit = fiber.pollUnsafe()
      if (exit === undefined) {
        task.fiber = fiber
        fiber.addObserver((exit) => advance(id, line, task, exit))
        return
      }
      settle(line, task, exit)
    }
    lines.delete(id)
  }

  const settle = (line: Array<Task>, task: Task, exit: Exit.Exit<unknown, unknown>) => {
    line.shift()
    Deferred.doneUnsafe(task.done, exit)
  }

  const advance = (id: string, line: Array<Task>, task: Task, exit: Exit.Exit<unknown, unknown>) => {
    if (line[0] !== task) return
    settle(line, task, exit)
    drain(id, line)
  }

  const join = (id: string, task: Task) => {
    const line = lines.get(id)
    if (line !== undefined) {
      line.push(task)
      return
    }
    const fresh = [task]
    lines.set(id, fresh)
    drain(id, fresh)
  }

  const leave = (id: string, task: Task) => {
    const line = lines.get(id)
    const place = line?.indexOf(task) ?? -1
    if (line === undefined || place < 0) return
    if (place > 0) return leaveWaiting(line, task)
    if (task.kind !== "read") return
    // Nobody will see what it reads, so nobody waits for it either: it may not even end when it is interrupted.
    task.fiber?.interruptUnsafe()
    advance(id, line, task, Exit.void)
  }

  // The line holds what has callers, and of the abandoned removals the last alone: it does the work of those before it.
  const leaveWaiting = (line: Array<Task>, task: Task) => {
    task.abandoned = true
    const last = line.findLast((other) => other.abandoned && other.kind === "removal")
    for (let i = line.length - 1; i > 0; i--) {
      if (line[i]!.abandoned && line[i] !== last) line.splice(i, 1)
    }
  }

  return {
    run: (id, kind, effect) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.withFiber((fiber) => {
          const task: Task = {
            effect,
            context: fiber.context,
            done: Deferred.makeUnsafe(),
            kind,
            abandoned: false,
            fiber: undefined
          }
          join(id, task)
          return Effect.onInterrupt(restore(Deferred.await(task.done)), () => Effect.sync(() => leave(id, task)))
        })
      ),
    busy: () => Array.from(lines.keys())
  }
}
