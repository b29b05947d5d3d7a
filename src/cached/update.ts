/**
 * Updates entries atomically: reads, changes and writes an entry without losing concurrent writes.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type StoreError, UpdateConflict } from "../CacheError.ts"
import type { Caching } from "../Caching.ts"
import { update as bounds } from "../internal/defaults/bounds.ts"
import type { Cache } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { tagsOf, tagsWith } from "../internal/key/ofKey.ts"
import { insteadOfEffect, kindOf } from "../internal/options/given.ts"
import { mistake, refuseUnknown } from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { setOne, type SetOptions, setOptions, type Setting } from "./byHand.ts"
import type { IfUnknown } from "./combinator.ts"
import type { Seen } from "./flat.ts"
import { type AnyKey, type CodecsOf, idOf, valueFor, type ValueOf, withCaching } from "./withCaching.ts"

/**
 * Options for `Cached.update`.
 * @category options
 * @since 0.1.0
 */
interface UpdateOptions<out A = unknown> extends Pick<SetOptions<A>, "etag" | "copy"> {
  /**
   * How long the new value is served after the update. `"Infinity"` keeps the value forever.
   * @default the replaced value's remaining lifetime; for a new entry, the default of `Cached.set`
   */
  readonly ttl?: Ttl.Input | undefined
  /** Whether an existing entry keeps its expiry: `ttl` then applies only to a new one. @default `true` without `ttl` */
  readonly keepTtl?: boolean | undefined
  /**
   * The entry's tags, in place of its previous tags and the `tags` of its key class.
   * @default the previous tags and those of the key class
   */
  readonly tags?: ReadonlyArray<string> | undefined
}

/** `change` is a method, whose parameter is bivariant: with a string key, its value may have a narrower type. */
type Change<A, B, E, R> = {
  change(current: Option.Option<A>): Option.Option<B> | Effect.Effect<Option.Option<B>, E, R>
}["change"]

/**
 * Applies a function to the value of a key, stores the function's result and returns it. No concurrent write is lost:
 * after a conflict, the function is called again with the newer value.
 *
 * **When to use**
 *
 * Use for a value that several fibers or processes change: a set, a list, a shopping cart.
 *
 * **Details**
 *
 * - The function gets the current value, or `Option.none()` if it has expired, is a cached failure or does not exist.
 *   It returns the new value as an `Option`, or an effect that returns one. `Option.none()` removes the entry, and
 *   returning the given option itself keeps the value.
 * - Read and write are one atomic step across all processes that share the store: the write is a compare and set, like
 *   `Cached.set` with `ifUnchanged`. Over files, Keyv, unstorage and `KeyValueStore`, it is atomic in one process only.
 *   If the key is being loaded, the load's result is not stored.
 * - In one process, updates of a key run one at a time. If an update takes more than a second, the next may start.
 * - After 30 tries, with pauses of up to 250 ms between them, the update fails with `UpdateConflict`. It fails with a
 *   `StoreError` if the store fails. If the function's effect fails or is interrupted, nothing changes.
 * - Inside `Transaction.run`, the update is part of the transaction, and the commit detects conflicts.
 * - Under a policy that does not write (`CachePolicy.disable("set")`, `bypass`), the function is called and its result
 *   is returned, but nothing is stored. The function gets the stored value under every policy.
 *
 * **Gotchas**
 *
 * - The function may be called several times. It must return a new value and not modify the given one.
 * - The function must not update the same key: this dies with a `CacheConfigError` instead of causing a deadlock.
 *
 * **Example** (Adding to a list)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const visit = (page: string) =>
 *   Cached.update("visited", (pages: Option.Option<ReadonlyArray<string>>) =>
 *     Option.some([...Option.getOrElse(pages, () => []), page]))
 * const program = Effect.all([visit("home"), visit("cart")], { concurrency: "unbounded" })
 * await Effect.runPromise(program.pipe(Effect.andThen(visit("order")), Effect.provide(CacheLayer.memory()))) // => Option.some(["home", "cart", "order"])
 * ```
 *
 * @see `Cached.set` for a value that does not depend on the cached one
 * @see `Cached.counter` for numbers
 * @see `Transaction.run` for several keys
 * @category mutations
 * @since 0.1.0
 */
export const update: {
  // If the first argument is a key, this overload is ruled out by the number of arguments. With two overloads, errors
  // would begin with "No overload matches".
  <K extends AnyKey, B extends ValueOf<K>, E = never, R = never, Key = unknown>(
    change: Change<ValueOf<K>, B, E, R> & Seen<Key, { readonly codePointAt: Key } | { readonly "~id": Key }>,
    ...options: IfUnknown<Key, [options?: UpdateOptions<ValueOf<K>>], [never, never, never, never]>
  ): (key: K) => Effect.Effect<Option.Option<B>, E | UpdateConflict | StoreError, R | CodecsOf<K> | Caching>
  <K extends AnyKey, B extends ValueOf<K>, E = never, R = never>(
    key: K,
    change: Change<ValueOf<K>, B, E, R>,
    options?: UpdateOptions<ValueOf<K>>
  ): Effect.Effect<Option.Option<B>, E | UpdateConflict | StoreError, R | CodecsOf<K> | Caching>
} = dual(
  (args) => typeof args[0] !== "function",
  <K extends AnyKey>(key: K, change: AnyChange, options: UpdateOptions = {}): Effect.Effect<AnyOption, any, any> =>
    withCaching((caching, policy) =>
      Effect.flatMap(Around, (around) => {
        refuseUnknown("Cached.update", options, optionsOfUpdate)
        if (typeof change !== "function") {
          throw mistake(`Cached.update needs a function from the current value, not ${kindOf(change)}`)
        }
        const id = idOf(key)
        for (let outer = around; outer !== undefined; outer = outer.around) {
          if (outer.isOpen && outer.caching === caching && outer.id === id) {
            throw mistake(`Cached.update of "${id}" cannot run inside its own function: return the new value there`)
          }
        }
        const writes = policy.writes && !policy.disabled.has("set")
        const setting = setOptions(options, "Cached.update")
        return inTurn({ caching, key, id, change, options, setting, writes, around, isOpen: false })
      })
    )
)

const optionsOfUpdate = Object.keys(
  {
    ttl: true,
    keepTtl: true,
    tags: true,
    etag: true,
    copy: true
  } satisfies { readonly [Name in keyof UpdateOptions]: true }
)

type AnyOption = Option.Option<unknown>
type AnyChange = Change<any, unknown, unknown, any>

interface Updating {
  readonly caching: Cache
  readonly key: AnyKey
  readonly id: string
  readonly change: AnyChange
  readonly options: UpdateOptions
  readonly setting: Setting
  readonly writes: boolean
  /** The enclosing update, if this update runs inside the function of another update. */
  readonly around: Updating | undefined
  /** Whether the effect that `change` has returned is running. */
  isOpen: boolean
}

const Around = Context.Reference<Updating | undefined>("effect-cached/Cached/update", {
  defaultValue: () => undefined
})

/** Serializes this process's updates of a key. If they ran concurrently, each write would make the others retry. */
interface Turns {
  readonly semaphore: Semaphore.Semaphore
  users: number
}

const turnsOf = new WeakMap<Cache, Map<string, Turns>>()

const inTurn = (self: Updating): Effect.Effect<AnyOption, unknown, any> => {
  const { caching, id } = self
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      const all = turnsOf.get(caching) ?? new Map<string, Turns>()
      turnsOf.set(caching, all)
      const turns = all.get(id) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      all.set(id, turns)
      turns.users++
      return { all, turns, turn: Scope.makeUnsafe() }
    }),
    ({ turn, turns }) => {
      const taken = Scope.provide(turns.semaphore.takeScoped(1), turn)
      return Effect.andThen(taken, updated(self, Scope.close(turn, Exit.void)))
    },
    ({ all, turn, turns }) => {
      if (--turns.users === 0) all.delete(id)
      return Scope.close(turn, Exit.void)
    }
  )
}

/** Runs the effect of `change`. A slow effect gives up its turn, because it may wait for another update of the key. */
const answerOf = (
  self: Updating,
  answer: Effect.Effect<unknown, unknown, any>,
  leave: Effect.Effect<void>
): Effect.Effect<unknown, unknown, any> =>
  Exit.isExit(answer) ? answer : Effect.acquireUseRelease(
    Effect.suspend(() => {
      self.isOpen = true
      return Effect.forkChild(Effect.andThen(Effect.sleep(bounds.turnMillis), leave))
    }),
    () => Effect.provideService(answer, Around, self),
    (leaving) => {
      self.isOpen = false
      return Fiber.interrupt(leaving)
    }
  )

/** Reads, changes and writes the entry. Starts again if another writer has changed the entry since it was read. */
const updated = Effect.fnUntraced(function*(
  self: Updating,
  leave: Effect.Effect<void>
): Effect.fn.Return<AnyOption, unknown, any> {
  const { caching, id, key, writes } = self
  for (let tries = 0; tries < bounds.tries; tries++) {
    if (tries > 0) yield* pause(tries)
    const current = yield* caching.perform(Operations.current, key, tries)
    const exit = current?.entry?.exit
    const before = exit !== undefined && Exit.isSuccess(exit)
      ? Option.some(valueFor(caching, key, exit.value))
      : Option.none()
    const answer = self.change(before)
    const after = Effect.isEffect(answer) ? yield* answerOf(self, answer, leave) : answer
    if (!Option.isOption(after)) {
      throw mistake(
        `The function of Cached.update for "${id}" must return an Option, such as Option.some(value), or an effect of one, ` +
          `not ${after instanceof Promise ? insteadOfEffect(after) : kindOf(after)}`
      )
    }
    if (after === before || current === undefined || !writes) return after
    if (yield* write(self, current, before, after)) return after
  }
  return yield* new UpdateConflict({ key: id, tries: bounds.tries })
})

const pause = (tries: number): Effect.Effect<void> =>
  tries === 1
    ? Effect.yieldNow
    : Effect.flatMap(Random.next, (random) => {
      const millis = Math.min(bounds.mostMillis, bounds.firstMillis * 2 ** (tries - 2))
      return Effect.sleep(millis * (1 + random) / 2)
    })

type Current = NonNullable<Effect.Success<ReturnType<typeof Operations.current.over>>>

/** Writes the new value unless the entry has changed since `before` was read. Returns whether the value was written. */
const write = (
  { caching, key, options, setting }: Updating,
  { condition, entry }: Current,
  before: AnyOption,
  after: AnyOption
): ReturnType<typeof setOne> => {
  // Removes the entry by writing it with an immediate expiry, because only a write can have a condition.
  if (Option.isNone(after)) {
    const value = Option.getOrThrow(before)
    return setOne(caching, [key, value], { ...setting, condition, ttlMillis: 0, keepTtl: false })
  }
  const isNew = Option.isNone(before)
  return setOne(caching, [key, after.value], {
    ...setting,
    condition,
    keepTtl: !isNew && (options.keepTtl ?? options.ttl === undefined),
    tags: setting.tags ?? (isNew ? undefined : ownTags(key, entry!.tags))
  })
}

/** The tags of the key and the entry, without the tags of the class and its indexes, which every write adds. */
const ownTags = (key: AnyKey, tags: ReadonlyArray<string>): ReadonlyArray<string> => {
  const structural = tagsWith(key, [])
  return Array.from(new Set([...tagsOf(key), ...tags])).filter((tag) => !structural.includes(tag))
}
