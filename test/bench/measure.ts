/** How things are measured: beside each other in one process, in turn, many short rounds each. */
import { Effect } from "effect"
import type { Caching } from "effect-cached"

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
  for (let round = 0; round < warmup + rounds; round++) {
    // Forwards and backwards: the order of the subjects must not matter.
    for (const [name, times] of round % 2 === 0 ? taken : [...taken].reverse()) {
      const time = yield* take(name, round)
      if (round >= warmup) times.push(time)
      yield* Effect.yieldNow
    }
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

/** Watches the turns of the event loop, in processor time; `longest` of those since it was asked last. */
export const watchTurns = () => {
  let [last, longest, watching] = [processorMillis(), 0, true]
  const turn = (): void => {
    const now = processorMillis()
    longest = Math.max(longest, now - last)
    last = now
    if (watching) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    longest: (): number => {
      const millis = longest
      longest = 0
      return millis
    },
    end: (): void => {
      watching = false
    }
  }
}
