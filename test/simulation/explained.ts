/** Reads do what an explanation said just before. */
import { Cause, Clock, Context, Duration, Effect, Exit, Scheduler } from "effect"
import { Cached } from "effect-cached"
import { CacheCycle } from "effect-cached/CacheError"
import type { Detected } from "effect-cached/CacheEvent"
import type { Caching } from "effect-cached/Caching"
import { Explanation } from "effect-cached/explain"
import type { SeededScheduler } from "../../src/testing/SeededScheduler.ts"
import { decide } from "./decide.ts"
import { hasRoom, type Load, type Read } from "./model.ts"
import { steadyOf, type World } from "./state.ts"

type AnyRead = Effect.Effect<any, any, Caching>

/** An explanation, and when it was made. */
export interface Told {
  readonly explanation: Explanation.Explanation
  /** The last thing that had happened when it was asked for. */
  readonly seq: number
  readonly askedTurn: number
  /** When it was made. */
  readonly turn: number
  readonly at: number
  /** Whether nothing else ran meanwhile. */
  readonly isAtOnce: boolean
  readonly refreshes: number
}

/**
 * A schedule whose wall clock can be set back, and that counts its turns, so that it is known whether anything else ran
 * between two steps.
 */
export const countingTurns = (world: World, schedule: SeededScheduler): SeededScheduler => {
  const counted = (run: () => void) => () => {
    world.turn++
    run()
  }
  const scheduler = Context.get(schedule.context, Scheduler.Scheduler)
  const dispatcher = scheduler.makeDispatcher()
  const counting: Scheduler.SchedulerDispatcher = {
    scheduleTask: (run, priority) => dispatcher.scheduleTask(counted(run), priority),
    flush: () => dispatcher.flush()
  }
  const after: SeededScheduler["after"] = (millis, run) => schedule.after(millis, counted(run))
  const wall = () => schedule.now() - world.setBackMillis
  const clock: Clock.Clock = {
    ...Context.get(schedule.context, Clock.Clock),
    currentTimeMillisUnsafe: wall,
    currentTimeMillis: Effect.sync(wall),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const callOff = after(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(callOff)
      })
  }
  return {
    ...schedule,
    after,
    context: schedule.context.pipe(
      Context.add(Scheduler.Scheduler, { ...scheduler, makeDispatcher: () => counting }),
      Context.add(Clock.Clock, clock)
    ) as Context.Context<never>
  }
}

/** Explains a read that has not begun. */
const tell = (world: World, asked: AnyRead): Effect.Effect<Told, never, Caching> =>
  Effect.gen(function*() {
    const { seq, turn } = world
    const at = world.now()
    const before = yield* Cached.stats
    const explanation = yield* Explanation.of(asked)
    const stats = yield* Cached.stats
    if (turn === world.turn && seq === world.seq && at === world.now()) {
      for (const name of ["hits", "storeHits", "misses", "stale", "loads", "refreshes"] as const) {
        decide(world, "a read does what its explanation said", stats[name] === before[name], () => `it counts ${name}`)
      }
    }
    const isAtOnce = turn === world.turn && at === world.now()
    return {
      explanation,
      seq,
      askedTurn: turn,
      turn: world.turn,
      at: world.now(),
      isAtOnce,
      refreshes: stats.refreshes
    }
  })

/** A read that is explained before it begins, without a step that yields between both. */
export const explained = (world: World, asked: AnyRead, begin: () => Read): AnyRead => {
  const read = Effect.flatMap(tell(world, asked), (told) => {
    const isLate = told.turn !== world.turn || told.at !== world.now()
    const record = begin()
    if (isLate) return asked
    return Effect.flatMap(
      Effect.zip(Cached.detect(Effect.exit(asked)), Cached.stats),
      ([[exit, detected], { refreshes }]) => {
        check(world, { record, told, exit, detected, refreshes })
        return exit
      }
    )
  })
  return Effect.flatMap(
    Scheduler.Scheduler,
    (scheduler) => Effect.provideService(read, Scheduler.Scheduler, { ...scheduler, shouldYield: () => false })
  )
}

interface Ended {
  readonly record: Read
  readonly told: Told
  readonly exit: Exit.Exit<unknown, unknown>
  readonly detected: ReadonlyArray<Detected>
  readonly refreshes: number
}

/** The answers that may be right: while a read asks the store, the first one may give way to the next. */
const candidates = (
  self: World,
  { explanation: { next }, at }: Told,
  until: number
): ReadonlyArray<Explanation.Answer> => {
  const atOf = (answer: Explanation.Answer | undefined) => answer === undefined ? Infinity : steadyOf(self, answer.at)
  return next.filter((answer, i) => atOf(answer) <= until && atOf(next[i + 1]) > at)
}

const check = (self: World, { detected, exit, record, refreshes, told }: Ended): void => {
  const { explanation: { facts, id, next } } = told
  const isAtOnce = told.isAtOnce && told.turn === self.turn && told.at === self.now()
  const started = self.loads.find(({ by, isShared }) => isShared && by === record)
  const own = started ?? (record.live.length === 1 ? record.live[0] : undefined)
  const source = detected.findLast(({ key }) => key === id)?.source
  if (self.setBackMillis > 0 && self.setBackAt >= told.at) return
  // A store that fails at times may have answered one of both.
  if (self.config.faults > 0 && next[0]!.source !== "memory") return
  if (source === undefined && isUntold(self, record, exit)) return
  // A strict read first sends what the store has not acknowledged.
  if (record.spec!.policy === "strict" && facts.some(({ _tag }) => _tag === "Pending")) return
  if (source !== "joined" && (mayMiss(self, record, own) || mayBeDropped(self, told, started))) return
  // A cycle of loads through another layer over the same store is not known to this one.
  if (self.config.features.includes("layers") && isCycle(exit)) return
  // The read may get an unfit value from the flight that it joins. It then falls back on it, or loads itself.
  const isAsking = facts.some((one) => one._tag === "Flight" && one.phase === "AskingStore")
  if (isAsking && (source === "fallback" || started !== undefined)) return
  const until = started?.begunAt ?? self.now()
  // A listener may have changed something, or have read the entry with another strategy.
  const mayHaveRead = started === undefined || self.config.features.includes("readingListener")
  const isServed = /^(?:memory|store|stale)$/.test(next[0]!.source)
  if (isAtOnce && isServed && self.seq !== record.n && mayHaveRead) return
  if (isAtOnce && self.writes.some(({ asked }) => asked > told.seq)) return
  if (!isAtOnce && (isDisturbed(self, { record, told, own }) || mayTimeOut(self, told, until))) return
  const isAlone = isAtOnce && self.seq === record.n
  const possible = isAtOnce ? [next[0]!] : candidates(self, told, until)
  const begun = refreshes - told.refreshes
  const of = possible.map(({ source }) => source).join(" or ")
  self.explained.set(of, (self.explained.get(of) ?? 0) + 1)
  const isTrue = possible.some((answer) => fits(answer, source, exit) && (!isAlone || begins(answer, begun)))
  const text = () => `${JSON.stringify(possible)}, but the read was answered by ${source} (${begun} refreshes)`
  decide(self, "a read does what its explanation said", isTrue, text)
}

/** `detect` tells nothing of reads that were interrupted, took too long, or were refused by a store or by a close. */
const isUntold = ({ closeAskedAt, closedAt }: World, { spec }: Read, exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  (Exit.hasInterrupts(exit) || spec!.timeout !== undefined || spec!.policy === "strict" || closeAskedAt !== closedAt)

const fits = (
  { fallback, source: said }: Explanation.Answer,
  source: string | undefined,
  exit: Exit.Exit<unknown, unknown>
): boolean => {
  if (said === "strategy") return true
  if (said === "defect") return source === undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause)
  if (source === "fallback") return fallback && (said === "load" || said === "joined")
  return source === (said === "uncached" ? undefined : said)
}

const isCycle = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((one) => Cause.isDieReason(one) && one.defect instanceof CacheCycle)

const begins = ({ refresh, source }: Explanation.Answer, begun: number): boolean =>
  source === "strategy" || refresh === "perhaps" || begun === Number(refresh)

/** One of both may have waited for the store in vain, or too long for an explanation of the present alone. */
const mayTimeOut = ({ config }: World, { at, explanation: { facts, next } }: Told, until: number): boolean =>
  until - at >= config.storeTimeout ||
  facts.some(({ _tag }) => _tag === "StoreSilent" || (_tag === "Flight" && until > at && next[0]!.source !== "joined"))

/** The load that it was to join may have ended while it asked the store. */
const mayMiss = ({ config: { store } }: World, { live }: Read, own: Load | undefined): boolean =>
  (store === "async" || store === "derived") && own !== undefined && live.includes(own) && own.ended < Infinity

/** It was to join, after asking the store, a flight that does not read the store and may have been dropped by then. */
const mayBeDropped = (
  { config: { store } }: World,
  { explanation: { facts } }: Told,
  started: Load | undefined
): boolean =>
  (store === "async" || store === "derived") && started !== undefined &&
  facts.some((one) => one._tag === "Flight" && (one.phase === "Queued" || one.phase === "AwaitingLease"))

/** Something else may have changed the answer of a read that took some time. */
const isDisturbed = (
  self: World,
  { own, record: { id, spec }, told: { askedTurn, seq } }: Pick<Ended, "record" | "told"> & {
    readonly own: Load | undefined
  }
): boolean =>
  self.config.faults > 0 || self.closeAskedAt !== undefined ||
  spec!.timeout !== undefined || !hasRoom(self.config) ||
  self.writes.some(({ done }) => done > seq) || self.touches.some(({ done }) => done > seq) ||
  Array.from(self.foreign.keys()).some((dropped) => dropped > seq) ||
  self.loads.some((load) =>
    load !== own && load.id === id && (load.n > seq || load.ended > seq || storedIn(self, load) >= askedTurn)
  )

/** The turn in which the store received the result of a load. */
const storedIn = ({ stored }: World, { n }: Load): number => stored.get(n) ?? -1
