/** Processes long lists in slices (turns), between which other fibers and timers run. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { chunk, many, turnMillis } from "../defaults/bounds.ts"
import { chunksOf } from "./chunks.ts"
import { monotonicMillis } from "./monotonic.ts"

/** Iterates over an array. `next` returns the iterator itself, where that of an array makes an object for each item. */
class Items<A> implements Iterator<A> {
  private readonly list: ReadonlyArray<A>
  private place = 0
  done = false
  value!: A

  constructor(list: ReadonlyArray<A>) {
    this.list = list
  }

  next(): IteratorResult<A> {
    const { list, place } = this
    this.done = place >= list.length
    this.value = list[place]!
    this.place++
    return this as IteratorResult<A>
  }
}

/** Each result is valid until the next one. */
const iterate = <A>(items: Iterable<A>): Iterator<A> =>
  Array.isArray(items) ? new Items<A>(items) : items[Symbol.iterator]()

/** The time limit of a turn, and the number of steps after which it is checked. Seeded schedules lower both. */
export const turns = { steps: many.steps, millis: turnMillis }

/** Like a `for` loop, but without blocking the event loop. */
export const forEach = <A>(items: Iterable<A>, step: (item: A) => void): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    const iterator = iterate(items)
    const turn = (): Effect.Effect<void> =>
      turnOf(iterator, clock, step) === "done" ? Effect.void : Effect.flatMap(Effect.yieldNow, turn)
    return Effect.suspend(turn)
  })

/** Like `forEach`, but processes a short list at once and then returns `undefined` instead of an effect. */
export const forEachNow = <A>(items: ReadonlyArray<A>, step: (item: A) => void): Effect.Effect<void> | undefined => {
  if (items.length > chunk) return forEach(items, step)
  for (const item of items) step(item)
  return undefined
}

/** Like `Array.map`, but computes the results of a long list over several turns. */
export const map = <A, B>(items: ReadonlyArray<A>, f: (item: A) => B): Effect.Effect<Array<B>> =>
  Effect.suspend(() => {
    if (items.length <= chunk) return Effect.succeed(items.map((item) => f(item)))
    const made: Array<B> = []
    return Effect.as(forEach(items, (item) => void made.push(f(item))), made)
  })

export interface Turning {
  readonly clock: Clock.Clock
  readonly dispatcher: SchedulerDispatcher
}

/** Loops without a fiber, then calls `end`. Returns a function that resumes the loop after a step returned `false`. */
export const forEachUnsafe = <A>(
  items: Iterable<A>,
  { clock, dispatcher }: Turning,
  step: (item: A) => boolean | void,
  end: () => void
): () => void => {
  const iterator = iterate(items)
  const turn = (): void => {
    const ended = turnOf(iterator, clock, step)
    if (ended === "done") end()
    else if (ended === "late") later()
  }
  const later = () => dispatcher.scheduleTask(turn, 0)
  turn()
  return later
}

const turnOf = <A>(
  iterator: Iterator<A>,
  clock: Clock.Clock,
  step: (item: A) => boolean | void
): "done" | "late" | "paused" => {
  const beganAt = monotonicMillis(clock)
  for (let steps = 1;; steps++) {
    const next = iterator.next()
    if (next.done === true) return "done"
    if (step(next.value) === false) return "paused"
    // The clock is read only after several steps, because reading it costs more than a step.
    if (steps % turns.steps === 0 && monotonicMillis(clock) - beganAt >= turns.millis) return "late"
  }
}

/** Like `forEach`, for steps that each take some time. A step returns an effect if it cannot end synchronously. */
export const forEachEffect: <A, E, R>(
  items: Iterable<A>,
  step: (item: A) => Effect.Effect<unknown, E, R> | undefined
) => Effect.Effect<void, E, R> = Effect.fnUntraced(function*(items, step) {
  const clock = yield* Clock.Clock
  let beganAt = monotonicMillis(clock)
  for (const item of items) {
    if (monotonicMillis(clock) - beganAt >= turns.millis) {
      yield* Effect.yieldNow
      beganAt = monotonicMillis(clock)
    }
    const rest = step(item)
    if (rest !== undefined) yield* rest
  }
})

/** Requests many items, in parts if there are too many for one turn. Returns the answers in the order of the items. */
export const inParts = <A, B, E, R>(
  items: ReadonlyArray<A>,
  ask: (part: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E, R>,
  size = chunk
): Effect.Effect<ReadonlyArray<B>, E, R> => {
  if (items.length <= size) return ask(items)
  const answers: Array<B> = []
  const each = forEachEffect(
    chunksOf(items, size),
    (part) => Effect.map(ask(part), (some) => void answers.push(...some))
  )
  return Effect.as(each, answers)
}
