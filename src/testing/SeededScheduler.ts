/**
 * A scheduler that runs effects in an order drawn from a seed, with its own virtual clock and random numbers. The same
 * seed repeats a run exactly; a different seed gives a different interleaving.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Defaults from "../internal/defaults/options.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import * as Tokens from "../internal/token.ts"
import { dice } from "./internal/dice.ts"

/**
 * The seed and the limits of a schedule.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /** An integer. The same seed gives the same schedule. */
  readonly seed: number
  /** The probability that a fiber yields before a step, from 0 to 1. @default 0.1 */
  readonly yieldChance?: number | undefined
  /** The number of tasks after which a run counts as endless and stops. @default 1,000,000 */
  readonly maxTasks?: number | undefined
}

const checks: Checks<Options> = {
  seed: (seed) => void dice(seed),
  yieldChance: optional((chance) => {
    if (chance >= 0 && chance <= 1) return
    throw mistake(`yieldChance must be between 0 and 1, not ${chance}`)
  }),
  maxTasks: optional((tasks) => {
    if (tasks >= 1) return
    throw mistake(`maxTasks must be at least 1, not ${tasks}`)
  })
}

/**
 * The result of a run.
 * @category models
 * @since 0.1.0
 */
export interface Outcome<out A, out E> {
  /** `undefined` if the effect did not end: it runs forever, or waits for an event that never happens. */
  readonly exit: Exit.Exit<A, E> | undefined
  readonly fibers: number
  readonly millis: number
}

/**
 * A schedule. The next task is a random one of the ready tasks with the most urgent priority. When no task is ready,
 * the virtual clock jumps to the next timer, and all timers due at that time become ready.
 * @category models
 * @since 0.1.0
 */
export interface SeededScheduler {
  /** The services for effects that run under this schedule: scheduler, clock, random numbers and fiber counter. */
  readonly context: Context.Context<never>
  /** Epoch milliseconds on the virtual clock, which starts at 0. */
  readonly now: () => number
  readonly fibers: () => number
  readonly timers: () => number
  /** Runs a callback after `millis` virtual milliseconds, outside any fiber. Returns a function that cancels it. */
  readonly after: (millis: number, run: () => void) => () => void
  /** Runs until no task and no timer is left. Returns `false` if `maxTasks` tasks were not enough. */
  readonly settle: () => boolean
  /**
   * Runs an effect synchronously to its end. It may wait only for fibers and the clock: if it waits for the outside
   * world (files, sockets), it has no `exit`.
   */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Outcome<A, E>
}

interface Timer {
  readonly at: number
  readonly run: () => void
}

interface Ready {
  readonly priority: number
  readonly run: () => void
}

interface State {
  readonly order: Random.Random
  readonly ready: Array<Ready>
  readonly timers: Set<Timer>
  now: number
  fibers: number
}

/**
 * Creates a schedule, under which one effect or several run in an order that the seed determines.
 *
 * **Example** (Finding both orders of a race)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SeededScheduler } from "effect-cached/testing"
 *
 * const race = (seed: number) => {
 *   const order: Array<string> = []
 *   const say = (word: string) => Effect.andThen(Effect.sleep("1 hour"), Effect.sync(() => order.push(word)))
 *   SeededScheduler.make({ seed }).run(Effect.all([say("a"), say("b")], { concurrency: 2 }))
 *   return order.join("")
 * }
 * new Set(Array.from({ length: 20 }, (_, seed) => race(seed))).size // => 2
 * ```
 *
 * **Example** (Several effects, or callbacks, under one schedule)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SeededScheduler } from "effect-cached/testing"
 *
 * const schedule = SeededScheduler.make({ seed: 1 })
 * const fiber = Effect.runForkWith(schedule.context)(Effect.sleep("1 hour"))
 * schedule.settle() // => true
 * schedule.now() // => 3_600_000
 * fiber.pollUnsafe()?._tag // => "Success"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): SeededScheduler => {
  checkOptions("SeededScheduler", options, checks)
  const { maxTasks = Defaults.testing.maxTasks, yieldChance = Defaults.testing.yieldChance } = options
  const self: State = { order: dice(options.seed), ready: [], timers: new Set(), now: 0, fibers: 0 }
  const { order, ready, timers } = self
  const now = () => self.now
  const dispatcher: Scheduler.SchedulerDispatcher = {
    scheduleTask: (run, priority) => void ready.push({ priority, run }),
    flush: () => {
      while (ready.length > 0) draw(self).run()
    }
  }
  const scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: () => yieldChance > 0 && order.nextDoubleUnsafe() < yieldChance,
    makeDispatcher: () => dispatcher
  }
  const counting: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void self.fibers++,
    recordFiberEnd: () => void self.fibers--
  }
  const after: SeededScheduler["after"] = (millis, run) => {
    const timer: Timer = { at: self.now + Math.max(0, millis), run }
    if (timer.at < Infinity) timers.add(timer)
    return () => void timers.delete(timer)
  }
  let tasks = 0
  const schedule: SeededScheduler = {
    context: Context.empty().pipe(
      Context.add(Scheduler.Scheduler, scheduler),
      Context.add(Clock.Clock, makeClock(now, after)),
      Context.add(Random.Random, dice(options.seed ^ 0x5eed)),
      Context.add(Tokens.Seed, Tokens.drawWith(dice(options.seed ^ 0x70ce).nextDoubleUnsafe)),
      Context.add(Metric.FiberRuntimeMetrics, counting)
    ) as Context.Context<never>,
    now,
    fibers: () => self.fibers,
    timers: () => timers.size,
    after,
    settle: () => {
      while (ready.length > 0 || timers.size > 0) {
        if (ready.length === 0) advance(self)
        else if (++tasks > maxTasks) return false
        else draw(self).run()
      }
      return true
    },
    run: (effect) => {
      const fiber = Effect.runForkWith(schedule.context)(effect)
      schedule.settle()
      return { exit: fiber.pollUnsafe(), fibers: self.fibers, millis: self.now }
    }
  }
  return schedule
}

const draw = ({ order, ready }: State): Ready => {
  let urgent = Infinity
  let count = 0
  for (const { priority } of ready) {
    if (priority > urgent) continue
    count = priority < urgent ? 1 : count + 1
    urgent = priority
  }
  let nth = Math.floor(order.nextDoubleUnsafe() * count)
  const index = ready.findIndex((task) => task.priority === urgent && nth-- === 0)
  const drawn = ready[index]!
  const last = ready.pop()!
  if (last !== drawn) ready[index] = last
  return drawn
}

const advance = (self: State): void => {
  const { ready, timers } = self
  let next = Infinity
  for (const { at } of timers) next = Math.min(next, at)
  self.now = next
  for (const timer of timers) {
    if (timer.at > self.now) continue
    ready.push({
      priority: 0,
      // Another timer due at the same time may have cancelled this one.
      run: () => {
        if (timers.delete(timer)) timer.run()
      }
    })
  }
}

const makeClock = (now: () => number, after: SeededScheduler["after"]): Clock.Clock => {
  const nanos = (): bigint => BigInt(Math.round(now() * 1_000_000))
  return {
    currentTimeMillisUnsafe: now,
    currentTimeMillis: Effect.sync(now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const callOff = after(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(callOff)
      })
  }
}
