/** How things are measured: beside each other in one process, in turn, many short rounds each. */
import { type Context, Effect, Layer, References, type Scope } from "effect"
import { Cached, type Caching } from "effect-cached"
import { mkdtempSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"
import { startServer } from "../../support/redis.ts"

/** One subject to measure: the effect of its `i`th call. */
export type Body = (i: number) => Effect.Effect<unknown, unknown, Caching.Caching>

/** The measurement of one subject by a case: nanoseconds, or bytes. */
export interface Row {
  readonly name: string
  readonly value: number
}

/** Prints the rows of a case, for the command that started it, and ends its process. */
export const print = (rows: unknown): never => {
  writeSync(1, JSON.stringify(rows))
  process.exit()
}

/** Runs a case that needs nothing but its scope. The output is for the numbers. */
export const measure = <E>(program: Effect.Effect<unknown, E, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.provideService(Effect.scoped(program), References.LogToStderr, true)).then(print)

/** A folder that is removed when the process ends. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A Redis server that ends with the process: its address. */
export const startRedis = async (): Promise<string> => {
  const { folder, signal, url } = await startServer()
  process.once("exit", () => {
    signal("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  })
  return url
}

const sorted = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => [...numbers].sort((a, b) => a - b)

export const median = (numbers: ReadonlyArray<number>): number => sorted(numbers)[numbers.length >> 1]!

/** The time on an otherwise idle machine: much larger values include the work of other programs. */
export const lowerQuartile = (numbers: ReadonlyArray<number>): number => sorted(numbers)[numbers.length >> 2]!

export const nanos = (): number => Number(process.hrtime.bigint())

export interface Rounds {
  /** The first ones, in which the compiler learns, do not count. */
  readonly warmup: number
  readonly rounds: number
}

export interface Subjects<A> {
  readonly [name: string]: A
}

/** The lower quartile of what each subject's rounds took. */
export const inTurn = Effect.fnUntraced(function*<A, E, R>(
  subjects: Subjects<A>,
  { rounds, warmup }: Rounds,
  take: (subject: A, round: number, name: string) => Effect.Effect<number, E, R>
) {
  const taken = Object.entries(subjects).map(([name, subject]) => ({ name, subject, times: [] as Array<number> }))
  const order = [...taken]
  for (let round = 0; round < warmup + rounds; round++) {
    // The order must not matter, so they run forwards and backwards. Each of them is first and last equally often,
    // because a subject that follows itself finds its entries in the caches of the processor.
    const isBack = round % 2 === 1
    for (const { name, subject, times } of isBack ? order.toReversed() : order) {
      const time = yield* take(subject, round, name)
      if (round >= warmup) times.push(time)
      yield* Effect.yieldNow
    }
    if (isBack) order.push(order.shift()!)
  }
  return taken.map(({ name, times }): Row => ({ name, value: lowerQuartile(times) }))
})

/** Nanoseconds that an effect takes, by a clock, for each of `count` calls in it. */
export const took = Effect.fnUntraced(function*<E, R>(effect: Effect.Effect<unknown, E, R>, count = 1, now = nanos) {
  const start = now()
  yield* effect
  return (now() - start) / count
})

/** Nanoseconds a call. */
export const timeCalls = (subjects: Subjects<Body>, { calls, ...rounds }: Rounds & { readonly calls: number }) =>
  inTurn(subjects, rounds, (body) => took(repeat(body, calls), calls))

/** Every subject goes through this one loop. */
export const repeat = (body: Body, calls: number): Effect.Effect<void, unknown, Caching.Caching> =>
  Effect.gen(function*() {
    for (let i = 0; i < calls; i++) yield* body(i)
  })

export interface HitsOptions extends Rounds {
  readonly body: Body
  readonly calls: number
  /** Fills a cache, by so many calls; the body itself if this is left out. */
  readonly fill?: Body
  readonly keys: number
  /** How often they are filled: entries are copied in the background, and a server reports own writes late. */
  readonly fills?: number
  /** The names of caches whose stores answer, each time: with fewer calls. */
  readonly stored?: RegExp
}

/** Nanoseconds a hit in each cache. */
export const timeHits = Effect.fnUntraced(function*<E>(
  layers: Subjects<Layer.Layer<Caching.Caching, E, Scope.Scope>>,
  { body, calls, fill = body, fills = 1, keys, stored = /^$/, ...rounds }: HitsOptions
) {
  const caches: { [name: string]: Context.Context<Caching.Caching> } = {}
  // In another order in each process: the entries of the last one lie less close to one another.
  for (const [name, layer] of Object.entries(layers).toSorted(() => Math.random() - 0.5)) {
    caches[name] = yield* Layer.build(Layer.fresh(layer))
  }
  for (let i = 0; i < fills; i++) {
    for (const cache of Object.values(caches)) yield* Effect.provide(repeat(fill, keys), cache)
    yield* Effect.sleep("300 millis")
  }
  // The garbage collector must not leave gaps between the entries of only one cache.
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const misses = Effect.forEach(
    Object.entries(caches),
    ([name, cache]) =>
      Effect.map(
        Effect.provide(Cached.stats, cache),
        (stats) => stats.loads + (stored.test(name) ? 0 : stats.storeHits)
      )
  )
  const before = yield* misses
  const rows = yield* inTurn(caches, rounds, (cache, _, name) => {
    const count = stored.test(name) ? calls / 20 : calls
    // A process that serves others reaches its timers, and listeners have their turn between the rounds.
    return Effect.andThen(Effect.sleep(1), took(Effect.provide(repeat(body, count), cache), count))
  })
  if (`${yield* misses}` !== `${before}`) throw new Error("some reads were no hits")
  return rows
})

/** Bytes that stay reachable, those of buffers among them. */
export const bytesUsed = (): number => {
  for (let i = 0; i < 4; i++) globalThis.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Processor time of this thread, collections included; the time of other processes says nothing. */
export const processorNanos = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) * 1000
}

/** Nanoseconds of the processor that all threads of this process have taken. */
export const processNanos = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) * 1000
}

/**
 * The longest turn of the event loop while an effect runs, in nanoseconds of the processor: with the collections of
 * garbage, and without them (`own`).
 */
export const turnsOf = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const turns: Array<{ readonly from: number; readonly to: number; readonly nanos: number }> = []
  const collections: Array<PerformanceEntry> = []
  const observer = new PerformanceObserver((list) => void collections.push(...list.getEntries()))
  observer.observe({ entryTypes: ["gc"] })
  yield* Effect.sleep(1)
  let [last, from, watching] = [processorNanos(), performance.now(), true]
  const turn = (): void => {
    const [now, to] = [processorNanos(), performance.now()]
    if (now - last > 1e6) turns.push({ from, to, nanos: now - last })
    last = now
    from = to
    if (watching) setImmediate(turn)
  }
  setImmediate(turn)
  const answer = yield* effect
  // The turn in which the effect ends counts, too; and collections are reported late.
  yield* Effect.sleep(1)
  watching = false
  collections.push(...observer.takeRecords())
  observer.disconnect()
  const ownOf = ({ from, nanos, to }: typeof turns[number]): number => {
    const inside = collections.filter(({ startTime }) => startTime >= from && startTime < to)
    return nanos - inside.reduce((sum, { duration }) => sum + duration * 1e6, 0)
  }
  return {
    answer,
    longest: Math.max(0, ...turns.map(({ nanos }) => nanos)),
    own: Math.max(0, ...turns.map(ownOf))
  }
})
