/** The fibers of a store tier that belong to no caller. A worker is restarted when it dies; a job runs once. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { restart } from "../../defaults/stores.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { MemoryTier } from "../memory/memory.ts"
import * as Log from "../telemetry/log.ts"

export interface Background {
  readonly front: MemoryTier
  readonly workers: Set<Fiber.Fiber<unknown>>
  readonly jobs: Set<Fiber.Fiber<unknown>>
  isClosed: boolean
}

export interface Worker {
  readonly interruptUnsafe: () => void
}

interface Work {
  /** Completes "The worker that … died" in a warning, such as "reads changes". */
  readonly name: string
  readonly context: Context.Context<never>
  /** Ends when no work is left. If it dies, it is run again from the beginning. */
  readonly run: Effect.Effect<unknown>
  /** Called before a restart, to take over unfinished work. May stop the worker instead. */
  readonly onDeath?: () => void
}

export const make = (front: MemoryTier): Background => ({
  front,
  workers: new Set(),
  jobs: new Set(),
  isClosed: false
})

export const supervise = (self: Background, { context, name, onDeath, run }: Work): Worker => {
  const clock = Context.get(self.front.context, Clock.Clock)
  let fiber: Fiber.Fiber<unknown> | undefined
  let isStopped = false
  let pauseMillis = restart.firstMillis

  const start = (effect: Effect.Effect<unknown>): void => {
    const startedAt = monotonicMillis(clock)
    const started = forkIn(self.workers, context, effect)
    fiber = started
    if (isStopped) return started.interruptUnsafe()
    // Observes the fiber, because its own handlers do not run if it ends by evaluating a value that is not an effect.
    started.addObserver((exit) => {
      if (Exit.isSuccess(exit) || isOver()) return
      if (monotonicMillis(clock) - startedAt > restart.longestMillis) pauseMillis = restart.firstMillis
      if (pauseMillis === restart.firstMillis) {
        Log.warning(self.front, `The worker that ${name} died (see the cause): it starts again`, { cause: exit.cause })
      }
      onDeath?.()
      if (isOver()) return
      start(Effect.delay(run, pauseMillis))
      pauseMillis = Math.min(restart.longestMillis, pauseMillis * 2)
    })
  }

  const isOver = (): boolean => isStopped || self.isClosed

  if (!self.isClosed) start(run)
  return {
    interruptUnsafe: () => {
      isStopped = true
      fiber?.interruptUnsafe()
    }
  }
}

export const spawn = (
  self: Background,
  context: Context.Context<never>,
  job: Effect.Effect<unknown, never, any>
): void => {
  if (!self.isClosed) forkIn(self.jobs, context, job)
}

const forkIn = (
  fibers: Set<Fiber.Fiber<unknown>>,
  context: Context.Context<never>,
  effect: Effect.Effect<unknown, never, any>
): Fiber.Fiber<unknown> => {
  const fiber = Effect.runForkWith(context as Context.Context<any>)(effect)
  if (fiber.pollUnsafe() === undefined) {
    fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(fiber))
  }
  return fiber
}

/** Stops the workers and waits for the jobs. Interrupting this wait interrupts the jobs as well. */
export const close = (self: Background): Effect.Effect<void> =>
  Effect.suspend(() => {
    self.isClosed = true
    for (const worker of self.workers) worker.interruptUnsafe()
    return Effect.asVoid(Fiber.awaitAll([...self.workers, ...self.jobs]))
  }).pipe(Effect.onInterrupt(() =>
    Effect.sync(() => {
      for (const job of self.jobs) job.interruptUnsafe()
    })
  ))
