/** How things are measured: beside each other in one process, in turn, many short rounds each. */
import { Effect } from "effect"
import type { Caching } from "effect-cached"
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"

/** One subject to measure: the effect of its `i`th call. */
export type Body = (i: number) => Effect.Effect<unknown, unknown, Caching.Caching>

/** The measurement of one subject by a case: nanoseconds, or bytes. */
export interface Row {
  readonly name: string
  readonly value: number
}

/** Prints the rows of a case, for the command that started it. */
export const print = (rows: ReadonlyArray<Row>): void => {
  process.stdout.write(JSON.stringify(rows))
}

const sorted = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => [...numbers].sort((a, b) => a - b)

export const median = (numbers: ReadonlyArray<number>): number => sorted(numbers)[numbers.length >> 1]!

/** The time on an otherwise idle machine: much larger values include the work of other programs. */
export const lowerQuartile = (numbers: ReadonlyArray<number>): number => sorted(numbers)[numbers.length >> 2]!

export const nanos = (): number => Number(process.hrtime.bigint())

export interface Rounds {
  readonly subjects: ReadonlyArray<string>
  /** The first ones, in which the compiler learns, do not count. */
  readonly warmup: number
  readonly rounds: number
}

/** The lower quartile of what each subject's rounds took. */
export const inTurn = Effect.fnUntraced(function*<E, R>(
  { rounds, subjects, warmup }: Rounds,
  take: (subject: string, round: number) => Effect.Effect<number, E, R>
) {
  const taken = new Map<string, Array<number>>(subjects.map((name) => [name, []]))
  const order = [...taken]
  for (let round = 0; round < warmup + rounds; round++) {
    // The order must not matter, so they run forwards and backwards. Each of them is first and last equally often,
    // because a subject that follows itself finds its entries in the caches of the processor.
    const isBack = round % 2 === 1
    for (const [name, times] of isBack ? order.toReversed() : order) {
      const time = yield* take(name, round)
      if (round >= warmup) times.push(time)
      yield* Effect.yieldNow
    }
    if (isBack) order.push(order.shift()!)
  }
  return Array.from(taken, ([name, times]): Row => ({ name, value: lowerQuartile(times) }))
})

export interface CallsOptions extends Omit<Rounds, "subjects"> {
  readonly subjects: { readonly [name: string]: Body }
  /** The number of calls of a round. */
  readonly calls: number
}

/** Nanoseconds a call. */
export const timeCalls = ({ calls, subjects, ...rounds }: CallsOptions) =>
  inTurn({ ...rounds, subjects: Object.keys(subjects) }, (name) =>
    Effect.gen(function*() {
      const start = nanos()
      yield* repeat(subjects[name]!, calls)
      return (nanos() - start) / calls
    }))

/** Every subject goes through this one loop. */
export const repeat = (body: Body, calls: number): Effect.Effect<void, unknown, Caching.Caching> =>
  Effect.gen(function*() {
    for (let i = 0; i < calls; i++) yield* body(i)
  })

/** Bytes that stay reachable, those of buffers among them. */
export const bytesUsed = (): number => {
  for (let i = 0; i < 4; i++) globalThis.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Processor time of this thread, collections included; the time of other processes says nothing. */
export const processorMillis = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/**
 * Watches the turns of the event loop, in processor time: the `longest` since it was asked last, and the longest
 * without the collections of garbage (`own`). The caller waits a moment before it asks: collections are reported late.
 */
export const watchTurns = () => {
  let [last, lastAt, watching] = [processorMillis(), performance.now(), true]
  let turns: Array<{ readonly from: number; readonly to: number; readonly millis: number }> = []
  let collections: Array<PerformanceEntry> = []
  const observer = new PerformanceObserver((list) => void collections.push(...list.getEntries()))
  observer.observe({ entryTypes: ["gc"] })
  const turn = (): void => {
    const [now, at] = [processorMillis(), performance.now()]
    if (now - last > 1) turns.push({ from: lastAt, to: at, millis: now - last })
    last = now
    lastAt = at
    if (watching) setImmediate(turn)
  }
  setImmediate(turn)
  const ownOf = ({ from, millis, to }: typeof turns[number]): number => {
    const inside = collections.filter(({ startTime }) => startTime >= from && startTime < to)
    return millis - inside.reduce((sum, { duration }) => sum + duration, 0)
  }
  return {
    longest: (): { readonly longest: number; readonly own: number } => {
      collections.push(...observer.takeRecords())
      const longest = Math.max(0, ...turns.map(({ millis }) => millis))
      const own = Math.max(0, ...turns.map(ownOf))
      turns = []
      collections = []
      return { longest, own }
    },
    end: (): void => {
      watching = false
      observer.disconnect()
    }
  }
}
