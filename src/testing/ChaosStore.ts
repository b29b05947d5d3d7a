/**
 * A store that goes wrong: it fails, is slow, loses writes, answers late or not at all. Its dice are seeded and its
 * time is Effect's `Clock`: the same seed gives the same faults.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { CacheConfigError, StoreError } from "../CacheError.ts"
import * as Defaults from "../internal/defaults/options.ts"
import { refuseUnknown, requireObject } from "../internal/options/options.ts"
import type { Store, TransactRequest } from "../ports/store.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import { dice } from "./SeededScheduler.ts"

/**
 * The faults of a store; none by default. Rates are shares of the operations, 0 to 1.
 *
 * @category options
 * @since 0.1.0
 */
export interface Faults {
  /**
   * this share of the operations fails with reason `Unavailable`, and does nothing
   *
   * @default 0
   */
  readonly failRate?: number | undefined
  /**
   * this share of the writes does nothing, and answers as if it had
   *
   * @default 0
   */
  readonly dropRate?: number | undefined
  /**
   * this share of the operations is carried out, and answered later by `late`
   *
   * @default 0
   */
  readonly lateRate?: number | undefined
  /**
   * how much later; more than the store budget
   *
   * @default 1 second
   */
  readonly late?: Ttl.Input | undefined
  /** how long an operation takes to reach the store; `[least, most]` draws it */
  readonly delay?: Ttl.Input | readonly [least: Ttl.Input, most: Ttl.Input] | undefined
  /**
   * operations do not reach the store, and answers do not come back
   *
   * @default `false`
   */
  readonly silent?: boolean | undefined
}

/**
 * The faults to begin with, and their seed.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Faults {
  /** the same seed gives the same faults; a whole number */
  readonly seed: number
}

/**
 * How often each fault happened, since the store was made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  /** operations in all */
  readonly asked: number
  readonly failed: number
  readonly dropped: number
  readonly late: number
  /** operations that are never answered */
  readonly unanswered: number
}

/**
 * A store that goes wrong, and the handles by which a test changes its faults.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChaosStore {
  readonly store: Store
  /** changes the named faults; the others stay as they are */
  readonly set: (faults: Faults) => Effect.Effect<void>
  /** ends all answers: `set({ silent: true })` */
  readonly silence: Effect.Effect<void>
  /** ends all faults; what was lost stays lost */
  readonly heal: Effect.Effect<void>
  /** how often each fault happened */
  readonly counts: Effect.Effect<Counts>
}

/**
 * Wraps a store in faults.
 *
 * **Details**
 *
 * - An operation is on its way as soon as it is asked: it reaches the store even if its caller has given up.
 * - Explicit writes of one id (`set`, `remove`, `touch`, `transact`, and `clear` of all) reach the store in the order in which they
 *   were asked. Everything else may overtake, a `commit` too.
 * - No operation is answered synchronously: the store has no `getUnsafe`.
 * - Throws a `CacheConfigError` for a rate outside 0 to 1, or an option that it does not know.
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

// ---------------------------------------------------------------------------------------------------------------------
// faults
// ---------------------------------------------------------------------------------------------------------------------

interface Self {
  readonly store: Store
  readonly dice: Random.Random
  readonly speaking: Latch.Latch
  readonly counts: { -readonly [K in keyof Counts]: Counts[K] }
  readonly order: Order
  faults: Checked
}

/** durations in milliseconds */
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
    throw new CacheConfigError({ message: `${name} of ChaosStore is between 0 and 1, not ${rate}` })
  }
  const { delay, late, ...rest } = faults
  return {
    ...rest,
    ...late === undefined ? {} : { late: toMillis(late, "late") },
    ...delay === undefined ? {} : { delay: range(delay) }
  }
}

const range = (delay: NonNullable<Faults["delay"]>): readonly [number, number] => {
  // A pair of numbers is also a duration (seconds and nanoseconds); here it is a range.
  const [least, most] = Array.isArray(delay) ? delay : [delay, delay]
  return [toMillis(least, "delay"), toMillis(most, "delay")]
}

/** Draws the fate of an operation, with the same number of draws whatever the faults are. */
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
  /** the answer of a write that is lost */
  readonly lost?: { readonly answer: A } | undefined
  /** the turn of an explicit write among the others */
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
    // Detached: an operation on its way reaches the store even if its caller is interrupted.
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

// ---------------------------------------------------------------------------------------------------------------------
// the order of explicit writes
// ---------------------------------------------------------------------------------------------------------------------

interface Turn {
  readonly comes: Effect.Effect<void>
  readonly passes: () => void
}

interface Order {
  readonly one: (id: string) => Turn
  readonly many: (ids: ReadonlyArray<string>) => Turn
  readonly all: () => Turn
}

/** Each explicit write waits for the one before it, of the same id or of all ids. */
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
    one,
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

// ---------------------------------------------------------------------------------------------------------------------
// the store
// ---------------------------------------------------------------------------------------------------------------------

const idsOf = ({ steps }: TransactRequest): ReadonlyArray<string> =>
  steps.flatMap((step) => "id" in step && step._tag !== "Commit" ? [step.id] : [])

const done = { answer: true }
const doneSilently = { answer: undefined }

const over = (self: Self): Store => {
  const { order, store } = self
  const answered = <A>(operation: string, apply: Effect.Effect<A, StoreError>) => ask(self, { operation, apply })
  const { changesUnsafe, transact } = store
  return {
    name: store.name,
    capabilities: store.capabilities,
    isWhole: store.isWhole,
    get: (id, tags) => answered("get", store.get(id, tags)),
    getUnsafe: undefined,
    getCallback: undefined,
    getMany: (ids) => answered("getMany", store.getMany(ids)),
    set: (id, entry, condition) =>
      ask(self, {
        operation: "set",
        apply: store.set(id, entry, condition),
        lost: done,
        turn: () => order.one(id)
      }),
    remove: (id) => ask(self, { operation: "remove", apply: store.remove(id), lost: done, turn: () => order.one(id) }),
    setMany: (requests) =>
      ask(self, {
        operation: "set",
        apply: store.setMany(requests),
        lost: doneSilently,
        turn: () => order.many(requests.map(({ id }) => id))
      }),
    removeMany: (ids) =>
      ask(self, {
        operation: "remove",
        apply: store.removeMany(ids),
        lost: { answer: ids.map(() => true) },
        turn: () => order.many(ids)
      }),
    touch: (id, options) =>
      ask(self, { operation: "touch", apply: store.touch(id, options), lost: done, turn: () => order.one(id) }),
    acquire: (id, options) => answered("acquire", store.acquire(id, options)),
    acquireMany: (requests) => answered("acquire", store.acquireMany(requests)),
    commit: (id, generation, entry) =>
      ask(self, { operation: "commit", apply: store.commit(id, generation, entry), lost: done }),
    commitMany: (requests) =>
      ask(self, {
        operation: "commit",
        apply: store.commitMany(requests),
        lost: { answer: requests.map(() => true) }
      }),
    renew: (id, owner, leaseMillis) => answered("renew", store.renew(id, owner, leaseMillis)),
    release: (id, owner, note) => answered("release", store.release(id, owner, note)),
    markers: (tags) => answered("markers", store.markers(tags)),
    invalidateTags: (tags, mode) =>
      ask(self, { operation: "invalidateTags", apply: store.invalidateTags(tags, mode), lost: doneSilently }),
    scan: (options) => Stream.unwrap(answered("scan", Effect.succeed(store.scan(options)))),
    size: answered("size", store.size),
    clear: ask(self, { operation: "clear", apply: store.clear, lost: doneSilently, turn: order.all }),
    increment: (name, by, options) => answered("increment", store.increment(name, by, options)),
    counter: (name) => answered("counter", store.counter(name)),
    touchCounter: (name, expiresAt) => answered("touchCounter", store.touchCounter(name, expiresAt)),
    removeCounter: (name) => answered("removeCounter", store.removeCounter(name)),
    scanCounters: (options) => Stream.unwrap(answered("scanCounters", Effect.succeed(store.scanCounters(options)))),
    transact: transact && ((request) =>
      ask(self, {
        operation: "transact",
        apply: transact(request),
        lost: { answer: { _tag: "Committed", refused: [] } },
        turn: () => request.steps.some(({ _tag }) => _tag === "Clear") ? order.all() : order.many(idsOf(request))
      })),
    changes: Stream.tap(store.changes, () => self.speaking.await),
    changesUnsafe: changesUnsafe && (() => {
      if (!self.faults.silent) return changesUnsafe()
      throw new StoreError({ store: store.name, operation: "changes", reason: "Timeout" })
    })
  }
}
