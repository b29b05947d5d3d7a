/** Runs the effects on each id one after another, in the order of the calls. Interruptions do not change the order. */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

interface Task {
  readonly effect: Effect.Effect<unknown, unknown>
  readonly context: Context.Context<never>
  // Untyped here; `run` restores the types of its effect.
  readonly done: Deferred.Deferred<any, any>
  readonly kind: Kind
  abandoned: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

/** An interruption drops a waiting effect unless it is a `removal`, and stops a running one only if it is a `read`. */
type Kind = "read" | "write" | "removal"

export type Lines = Map<string, Array<Task>>

export const make = (): Lines => new Map()

// A loop, because recursion would keep stack frames for each of perhaps ten thousand effects that end synchronously.
const drain = (self: Lines, id: string, line: Array<Task>): void => {
  while (line.length > 0) {
    const task = line[0]!
    const fiber = Effect.runForkWith(task.context)(task.effect)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) {
      task.fiber = fiber
      fiber.addObserver((exit) => advance(self, id, task, exit))
      return
    }
    settle(line, task, exit)
  }
  self.delete(id)
}

const settle = (line: Array<Task>, task: Task, exit: Exit.Exit<unknown, unknown>): void => {
  line.shift()
  Deferred.doneUnsafe(task.done, exit)
}

const advance = (self: Lines, id: string, task: Task, exit: Exit.Exit<unknown, unknown>): void => {
  const line = self.get(id)
  if (line?.[0] !== task) return
  settle(line, task, exit)
  drain(self, id, line)
}

const join = (self: Lines, id: string, task: Task): void => {
  const line = self.get(id)
  if (line !== undefined) {
    line.push(task)
    return
  }
  const fresh = [task]
  self.set(id, fresh)
  drain(self, id, fresh)
}

const leave = (self: Lines, id: string, task: Task): void => {
  const line = self.get(id)
  const place = line?.indexOf(task) ?? -1
  if (line === undefined || place < 0) return
  if (place > 0) return leaveWaiting(line, task)
  if (task.kind !== "read") return
  // The next effect starts without waiting for this fiber, which may not end even when interrupted.
  task.fiber?.interruptUnsafe()
  advance(self, id, task, Exit.void)
}

/** Drops the abandoned tasks except the last removal, which does the work of all removals before it. */
const leaveWaiting = (line: Array<Task>, task: Task): void => {
  task.abandoned = true
  const last = line.findLast((other) => other.abandoned && other.kind === "removal")
  for (let i = line.length - 1; i > 0; i--) {
    if (line[i]!.abandoned && line[i] !== last) line.splice(i, 1)
  }
}

export const run = <A, E>(self: Lines, id: string, kind: Kind, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
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
      join(self, id, task)
      return Effect.onInterrupt(restore(Deferred.await(task.done)), () => Effect.sync(() => leave(self, id, task)))
    })
  )
