/**
 * A store wrapper that injects faults for tests: failures, delays, lost writes, and late or missing answers. Its random
 * numbers come from a seed and its time from Effect's `Clock`, so the same seed gives the same faults.
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { StoreError } from "../CacheError.ts"
import * as Defaults from "../internal/defaults/options.ts"
import { mistake, refuseUnknown, requireObject } from "../internal/options/options.ts"
import { mapOperations } from "../internal/store/tapped.ts"
import type { Store } from "../ports/store.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import { dice } from "./internal/dice.ts"

/**
 * The faults to inject into a store, none by default. Each rate is the share of operations affected, from 0 to 1.
 * @category options
 * @since 0.1.0
 */
interface Faults {
  /** The share of operations that fail with reason `Unavailable` without reaching the store. @default 0 */
  readonly failRate?: number | undefined
  /** The share of writes that are lost: they never reach the store, but seem to have succeeded. @default 0 */
  readonly dropRate?: number | undefined
  /** The share of operations whose answer is delayed by `late`. @default 0 */
  readonly lateRate?: number | undefined
  /** The delay of late answers. It should be longer than the cache waits (`storeTimeout`). @default 1 second */
  readonly late?: Ttl.Input | undefined
  /** How long an operation takes to reach the store: a fixed time, or a random one between two, like `[1, 30]`. */
  readonly delay?: Ttl.Input | readonly [least: Ttl.Input, most: Ttl.Input] | undefined
  /** Whether all operations are lost: they neither reach the store nor get an answer. @default `false` */
  readonly silent?: boolean | undefined
}

/**
 * The initial faults of a `ChaosStore`, and the seed that decides which operations they affect.
 * @category options
 * @since 0.1.0
 */
interface Options extends Faults {
  /** An integer. The same seed gives the same faults. */
  readonly seed: number
}

/**
 * How many operations were requested (`asked`) and how many faults were injected since the store was created.
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  readonly asked: number
  readonly failed: number
  readonly dropped: number
  readonly late: number
  /** The number of operations that got no answer, because the store was `silent`. */
  readonly unanswered: number
}

/**
 * A store with injected faults, and the effects that change and count the faults.
 * @category models
 * @since 0.1.0
 */
export interface ChaosStore {
  readonly store: Store
  /** Changes the given faults and keeps the others. */
  readonly set: (faults: Faults) => Effect.Effect<void>
  /** Stops all answers, like `set({ silent: true })`. */
  readonly silence: Effect.Effect<void>
  /** Removes all faults. Lost writes stay lost. */
  readonly heal: Effect.Effect<void>
  /** Returns the counts of operations and faults so far. */
  readonly counts: Effect.Effect<Counts>
}

/**
 * Wraps a store and injects faults.
 *
 * **When to use**
 *
 * Use to test how a program or a custom store copes with lost, late and failing operations.
 *
 * **Details**
 *
 * - Once requested, an operation reaches the store even if its caller is interrupted.
 * - Explicit writes of the same id (`set`, `remove`, `touch`, `transact`, and `clear`, which affects all ids) reach the
 *   store in the order in which they were requested. All other operations, including `commit`, may overtake them.
 * - No operation is answered synchronously, so the store has no `getUnsafe`.
 *
 * **Example** (Failing, then healing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ChaosStore } from "effect-cached/testing"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const chaos = ChaosStore.make(MemoryStore.make(), { seed: 1, failRate: 1 })
 * const program = Effect.gen(function*() {
 *   const { reason } = yield* Effect.flip(chaos.store.size)
 *   yield* chaos.heal
 *   return [reason, yield* chaos.store.size]
 * })
 * await Effect.runPromise(program) // => ["Unavailable", 0]
 * ```
 *
 * @see `Store.tap` for making a single operation fail
 * @category constructors
 * @since 0.1.0
 */
export const make = (store: Store, options: Options): ChaosStore => {
  requireObject("ChaosStore.make", options, "{ seed: 1, failRate: 0.1 }")
  const { seed, ...faults } = options
  const self: Self = {
    store,
    dice: dice(seed),
    faults: check(faults),
    speaking: Latch.makeUnsafe(true),
    counts: { asked: 0, failed: 0, dropped: 0, late: 0, unanswered: 0 },
    order: makeOrder()
  }
  const change = (faults: Checked) =>
    Effect.sync(() => {
      self.faults = faults
      if (faults.silent) self.speaking.closeUnsafe()
      else self.speaking.openUnsafe()
    })
  if (self.faults.silent) self.speaking.closeUnsafe()
  const set = (faults: Faults) => Effect.suspend(() => change({ ...self.faults, ...check(faults) }))
  return {
    store: over(self),
    set,
    silence: set({ silent: true }),
    heal: change({}),
    counts: Effect.sync(() => ({ ...self.counts }))
  }
}

interface Self {
  readonly store: Store
  readonly dice: Random.Random
  readonly speaking: Latch.Latch
  readonly counts: { -readonly [K in keyof Counts]: Counts[K] }
  readonly order: Order
  faults: Checked
}

interface Checked extends Pick<Faults, "failRate" | "dropRate" | "lateRate" | "silent"> {
  readonly late?: number | undefined
  readonly delay?: readonly [least: number, most: number] | undefined
}

const rates = ["failRate", "dropRate", "lateRate"] as const

const check = (faults: Faults): Checked => {
  refuseUnknown("ChaosStore", faults, [...rates, "late", "delay", "silent"])
  for (const name of rates) {
    const rate = faults[name] ?? 0
    if (rate >= 0 && rate <= 1) continue
    throw mistake(`${name} of ChaosStore must be between 0 and 1, not ${rate}`)
  }
  const { delay, late, ...rest } = faults
  return {
    ...rest,
    ...late === undefined ? {} : { late: toMillis(late, "late") },
    ...delay === undefined ? {} : { delay: range(delay) }
  }
}

const range = (delay: NonNullable<Faults["delay"]>): readonly [number, number] => {
  // A pair of numbers would also be a valid duration (seconds and nanoseconds), but `delay` takes it as a range.
  const [least, most] = Array.isArray(delay) ? delay : [delay, delay]
  return [toMillis(least, "delay"), toMillis(most, "delay")]
}

/** Draws the faults of one operation: always four numbers, so that changing one rate does not shift later draws. */
const draw = ({ dice, faults }: Self) => {
  const [fails, drops, late, slow] = [0, 0, 0, 0].map(() => dice.nextDoubleUnsafe()) as [number, number, number, number]
  const [least, most] = faults.delay ?? [0, 0]
  return {
    fails: fails < (faults.failRate ?? 0),
    drops: drops < (faults.dropRate ?? 0),
    lateMillis: late < (faults.lateRate ?? 0) ? faults.late ?? Defaults.testing.lateMillis : 0,
    delayMillis: least + slow * (most - least)
  }
}

interface Asked<A> {
  readonly operation: string
  readonly apply: Effect.Effect<A, StoreError>
  readonly lost?: { readonly answer: A } | undefined
  /** Queues an explicit write behind earlier writes of the same ids. */
  readonly turn?: (() => Turn) | undefined
}

const ask = <A>(self: Self, asked: Asked<A>): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    self.counts.asked++
    const fate = draw(self)
    const turn = asked.turn?.()
    const answer = Deferred.makeUnsafe<A, StoreError>()
    const carryOut = Effect.gen(function*() {
      yield* Effect.sleep(fate.delayMillis)
      if (turn !== undefined) yield* turn.comes
      const exit = self.faults.silent ? undefined : yield* arrive(self, asked, fate)
      turn?.passes()
      if (fate.lateMillis > 0) yield* Effect.sleep(fate.lateMillis)
      if (exit === undefined || self.faults.silent) self.counts.unanswered++
      else Deferred.doneUnsafe(answer, exit)
    })
    // Detached, so that the operation reaches the store even if its caller is interrupted.
    return Effect.andThen(Effect.forkDetach(carryOut), Deferred.await(answer))
  })

const arrive = <A>(
  { counts, store }: Self,
  { apply, lost, operation }: Asked<A>,
  fate: ReturnType<typeof draw>
): Effect.Effect<Exit.Exit<A, StoreError>> => {
  if (fate.lateMillis > 0) counts.late++
  if (fate.fails) {
    counts.failed++
    return Effect.succeed(Exit.fail(new StoreError({ store: store.name, operation, reason: "Unavailable" })))
  }
  if (lost === undefined || !fate.drops) return Effect.exit(apply)
  counts.dropped++
  return Effect.succeed(Exit.succeed(lost.answer))
}

interface Turn {
  readonly comes: Effect.Effect<void>
  readonly passes: () => void
}

interface Order {
  readonly many: (ids: ReadonlyArray<string>) => Turn
  readonly all: () => Turn
}

/** Orders explicit writes: each waits for the last one of its id, or else the last `clear`. A `clear` waits for all. */
const makeOrder = (): Order => {
  const last = new Map<string, Latch.Latch>()
  let lastForAll: Latch.Latch | undefined
  const one = (id: string): Turn => {
    const mine = Latch.makeUnsafe()
    const before = last.get(id) ?? lastForAll
    last.set(id, mine)
    return {
      comes: before?.await ?? Effect.void,
      passes: () => {
        mine.openUnsafe()
        if (last.get(id) === mine) last.delete(id)
      }
    }
  }
  return {
    many: (ids) => {
      const turns = Array.from(new Set(ids), one)
      return {
        comes: Effect.forEach(turns, ({ comes }) => comes, { discard: true }),
        passes: () => {
          for (const { passes } of turns) passes()
        }
      }
    },
    all: () => {
      const mine = Latch.makeUnsafe()
      const before = [...last.values(), ...lastForAll === undefined ? [] : [lastForAll]]
      last.clear()
      lastForAll = mine
      return {
        comes: Effect.forEach(before, (latch) => latch.await, { discard: true }),
        passes: () => {
          mine.openUnsafe()
          if (lastForAll === mine) lastForAll = undefined
        }
      }
    }
  }
}

type Arguments<Part> = Part extends (...args: infer Args) => unknown ? Args : []

type Success<Part> = Part extends (...args: any) => infer Asked ? Effect.Success<Asked> : Effect.Success<Part>

/** How to treat a write: `lost` returns the answer for a lost write, and `turn` queues an explicit write. */
interface Risk<Part> {
  readonly lost: (...args: Arguments<Part>) => Success<Part>
  readonly turn?: (order: Order, ...args: Arguments<Part>) => Turn
}

/** The operations that can be lost or queued. All others can only fail, be late, or stay unanswered. */
const risks: { readonly [Name in keyof Store]?: Risk<NonNullable<Store[Name]>> } = {
  set: {
    lost: (requests) => requests.map(() => true),
    turn: (order, requests) => order.many(requests.map(({ id }) => id))
  },
  remove: { lost: (ids) => ids.map(() => true), turn: (order, ids) => order.many(ids) },
  touch: { lost: () => true, turn: (order, id) => order.many([id]) },
  commit: { lost: (requests) => requests.map(() => true) },
  invalidateTags: { lost: () => undefined },
  clear: { lost: () => undefined, turn: (order) => order.all() },
  transact: {
    lost: () => ({ _tag: "Committed", refused: [] }),
    turn: (order, { steps }) =>
      steps.some(({ _tag }) => _tag === "Clear")
        ? order.all()
        : order.many(steps.flatMap((step) => "id" in step && step._tag !== "Commit" ? [step.id] : []))
  }
}

const over = (self: Self): Store => {
  const { order, store } = self
  const { changesUnsafe } = store
  const listed = <A>(operation: string, stream: Stream.Stream<A, StoreError>) =>
    Stream.unwrap(ask(self, { operation, apply: Effect.succeed(stream) }))
  return {
    ...mapOperations(store, (operation, args, effect) => {
      const { lost, turn } = (risks[operation] ?? {}) as Partial<Risk<(...args: ReadonlyArray<any>) => any>>
      return ask<any>(self, {
        operation,
        apply: effect(),
        lost: lost && { answer: lost(...args) },
        turn: turn && (() => turn(order, ...args))
      })
    }),
    scan: (options) => listed("scan", store.scan(options)),
    scanLoads: (options) => listed("scanLoads", store.scanLoads(options)),
    scanCounters: (options) => listed("scanCounters", store.scanCounters(options)),
    changes: Stream.tap(store.changes, () => self.speaking.await),
    changesUnsafe: changesUnsafe && (() => {
      if (!self.faults.silent) return changesUnsafe()
      throw new StoreError({ store: store.name, operation: "changes", reason: "Timeout" })
    })
  }
}
