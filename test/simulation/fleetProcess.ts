/** A process under the common schedule: with a wall clock and dice of its own, it can be stopped and killed. */
import { Clock, Context, Duration, Effect, Metric, Random, Scheduler } from "effect"
import * as Tokens from "../../src/internal/token.ts"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import type * as SeededScheduler from "../../src/testing/SeededScheduler.ts"

export interface Process {
  readonly index: number
  readonly context: Context.Context<never>
  readonly fibers: () => number
  readonly isAlive: () => boolean
  /** Nothing of it runs any longer. */
  readonly kill: () => void
  readonly stop: () => void
  readonly goOn: () => void
  /** Sets its wall clock back, and not its monotonic clock. */
  readonly setBack: (millis: number) => void
  /** How far its wall clock is from the true time: now, and before it was set back. */
  readonly offsets: () => ReadonlyArray<number>
  /** How long it has been stopped in all, a stop that still lasts included. */
  readonly stoppedMillis: () => number
  /** When it last resumed. */
  readonly wokenAt: () => number
}

export const makeProcess = (
  schedule: SeededScheduler.SeededScheduler,
  options: { readonly index: number; readonly seed: number; readonly clock: number }
): Process => {
  const scheduler = Context.get(schedule.context, Scheduler.Scheduler)
  const held: Array<() => void> = []
  let state: "runs" | "stopped" | "dead" = "runs"
  let fibers = 0
  let [stoppedAt, stoppedMillis, wokenAt] = [0, 0, -1]
  const offsets = [options.clock]
  const gated = (run: () => void) => () => {
    if (state === "runs") run()
    else if (state === "stopped") held.push(run)
  }
  const ownScheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => scheduler.shouldYield(fiber),
    makeDispatcher: () => {
      const dispatcher = scheduler.makeDispatcher()
      return {
        scheduleTask: (run, priority) => dispatcher.scheduleTask(gated(run), priority),
        flush: () => dispatcher.flush()
      }
    }
  }
  const wall = () => schedule.now() + offsets[0]!
  const nanosOf = (millis: number) => BigInt(Math.round(millis * 1_000_000))
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: wall,
    currentTimeMillis: Effect.sync(wall),
    currentTimeNanosUnsafe: () => nanosOf(wall()),
    currentTimeNanos: Effect.sync(() => nanosOf(wall())),
    monotonicTimeNanosUnsafe: () => nanosOf(schedule.now()),
    monotonicTimeNanos: Effect.sync(() => nanosOf(schedule.now())),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const callOff = schedule.after(Duration.toMillis(duration), gated(() => resume(Effect.void)))
        return Effect.sync(callOff)
      })
  }
  return {
    index: options.index,
    context: Context.empty().pipe(
      Context.add(Scheduler.Scheduler, ownScheduler),
      Context.add(Clock.Clock, clock),
      Context.add(Random.Random, diceFrom(options.seed)),
      Context.add(Tokens.Seed, Tokens.drawWith(diceFrom(options.seed ^ 0x70ce).nextDoubleUnsafe)),
      Context.add(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => {
          fibers++
        },
        recordFiberEnd: () => {
          fibers--
        }
      })
    ) as Context.Context<never>,
    fibers: () => fibers,
    isAlive: () => state !== "dead",
    kill: () => {
      state = "dead"
      held.length = 0
    },
    stop: () => {
      if (state !== "runs") return
      state = "stopped"
      stoppedAt = schedule.now()
    },
    goOn: () => {
      if (state !== "stopped") return
      state = "runs"
      wokenAt = schedule.now()
      stoppedMillis += wokenAt - stoppedAt
      // All that came due meanwhile races.
      for (const run of held.splice(0)) schedule.after(0, gated(run))
    },
    setBack: (millis) => void offsets.unshift(offsets[0]! - millis),
    offsets: () => offsets,
    stoppedMillis: () => stoppedMillis + (state === "stopped" ? schedule.now() - stoppedAt : 0),
    wokenAt: () => wokenAt
  }
}
