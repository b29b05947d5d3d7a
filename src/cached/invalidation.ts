/**
 * Invalidates entries by key, tag, key class, index or pattern.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type { Progress } from "../CacheEvent.ts"
import type { Caching } from "../Caching.ts"
import { requireEffect } from "../internal/options/given.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import { afterCommit } from "../internal/sql/sqlTransaction.ts"
import { collect, invalidateTargets, type OneOrMore, parseGiven, toStored } from "./targets.ts"

/**
 * Options for `Cached.invalidate`. `Cached.invalidateAfter` takes `mode` alone.
 * @category options
 * @since 0.1.0
 */
interface InvalidateOptions {
  /**
   * `"hard"`: no read that starts afterwards gets the entries. `"soft"`: the entries become stale. `softTtl` and
   * `failover` may serve them if a load fails, and `refreshAhead` during a refresh. All other strategies load again.
   * @default `"hard"`
   */
  readonly mode?: "hard" | "soft" | undefined
  /** Called after each batch of a few hundred entries that a pattern (`{ matching }`) has found. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<unknown>) | undefined
}

type ModeOnly = Pick<InvalidateOptions, "mode">

const checks: Checks<ModeOnly> = {
  mode: optional((mode) => {
    if (mode === "hard" || mode === "soft") return
    throw mistake(`mode of an invalidation cannot be "${String(mode)}": pass "hard" or "soft"`)
  })
}

const checksOfInvalidate: Checks<InvalidateOptions> = {
  ...checks,
  onProgress: optional((f) => {
    if (typeof f !== "function") throw mistake("onProgress of Cached.invalidate must be a function to an effect")
  })
}

/**
 * Invalidates a key, another target, or a list of them: a later read never gets a value whose load began before the
 * invalidation. If a load is running at that time, its current callers still get its result, but it is not stored.
 *
 * | target | invalidates |
 * |---|---|
 * | a key | the entry of the key. A string is always a key, never a pattern or a tag |
 * | `{ tag }` | all entries with the tag, whatever their keys, in constant time |
 * | `{ all: Items }` | all results of a key class, in every version of the class, in constant time |
 * | `{ where: [Items, { page }] }` | all results of a class with these values in one of its `indexes` |
 * | `{ matching: "items:page:*" }` | all entries whose ids match the pattern, after a search through the store |
 *
 * **When to use**
 *
 * Use if the data behind entries has changed. Prefer tags, classes and indexes to patterns, which cost a search, and
 * may miss an entry that another process stores meanwhile.
 *
 * **Details**
 *
 * - With `mode: "soft"`, entries become stale instead: a strategy may still serve them if a load fails.
 * - A store that fails is logged, and the invalidation is sent again later; under `CachePolicy.strict`, the call fails.
 *   If a store cannot be searched for `{ matching }`, the call warns, or fails under `CachePolicy.strict`.
 * - An index that `Effect.forEach` passes as second argument is ignored.
 *
 * **Example** (Invalidating a key, a tag and a pattern)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([["user:1", "Ada"], ["page:1", "Home"], ["page:2", "Terms"]])
 *   yield* Cached.set("count", 1, { tags: ["users"] })
 *   yield* Cached.set("other", 1)
 *   yield* Cached.invalidate("user:1")
 *   yield* Cached.invalidate([{ tag: "users" }, { matching: "page:*" }])
 *   return yield* Cached.size
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => 1
 * ```
 *
 * **Example** (Invalidating by a key class and by a field)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Price extends CacheKey.Class<Price>()("Price", {
 *   payload: { sku: Schema.String, shop: Schema.Int },
 *   success: Schema.Int,
 *   indexes: ["shop"]
 * }) {}
 * const price = (shop: number) => new Price({ sku: "a", shop })
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([[price(1), 10], [price(2), 20], [price(3), 30]])
 *   yield* Cached.invalidate({ where: [Price, { shop: 1 }] })
 *   const left = yield* Cached.size
 *   yield* Cached.invalidate({ all: Price })
 *   return [left, yield* Cached.size]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [2, 0]
 * ```
 *
 * @see `Cached.remove` for a removal that returns whether the key had an entry
 * @see {@link invalidateAfter} for invalidating after a write
 * @see `Cached.clear` for everything in the cache
 * @category mutations
 * @since 0.1.0
 */
export const invalidate = <C, Cs extends ReadonlyArray<unknown>>(
  targets: OneOrMore<C, Cs>,
  options?: InvalidateOptions | number
): Effect.Effect<void, never, Caching> =>
  // Suspended, so that an invalid target makes the effect die, as an invalid field of a key does.
  Effect.suspend(() => {
    const how: InvalidateOptions = typeof options === "object" ? options : {}
    checkOptions("Cached.invalidate", how, checksOfInvalidate)
    return Effect.flatMapEager(collect(targets), (stored) => invalidateTargets(stored, how))
  })

/**
 * Invalidates keys or other targets after an effect has succeeded, before its value is returned.
 *
 * **When to use**
 *
 * Use for a write to the origin, so that later reads load the new data. An interruption after the write does not skip
 * the invalidation.
 *
 * **Details**
 *
 * - If a target is invalid, the call throws a `CacheConfigError`, or the returned effect dies with it before the write.
 *   Targets that a function returns are checked only after the write.
 * - Inside an open SQL transaction (`sql.withTransaction` of `effect/sql`), the invalidation runs after the commit. It
 *   is dropped if the transaction, or the savepoint around the effect, is rolled back.
 * - With `mode: "soft"`, the entries become stale, as with {@link invalidate}.
 * - If the store cannot be scanned for `{ matching }`, the effect still succeeds, except under `CachePolicy.strict`.
 *
 * **Example** (Invalidating after a write)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([["user:1", "Ada"], ["users:page:1", ["Ada"]]])
 *   yield* Cached.set("users:count", 1, { tags: ["users"] })
 *   const rename = Effect.succeed("Grace").pipe(
 *     Cached.invalidateAfter(["user:1", { tag: "users" }, { matching: "users:page:*" }])
 *   )
 *   return [yield* rename, yield* Cached.size]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => ["Grace", 0]
 * ```
 *
 * @see {@link invalidate} for an invalidation on its own
 * @see `Transaction.withSql` for a write of several statements
 * @category combinators
 * @since 0.1.0
 */
export const invalidateAfter: {
  <A, C, Cs extends ReadonlyArray<unknown>>(
    targets: After<A, C, Cs>,
    options?: ModeOnly
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Caching>
  <A, E, R, C, Cs extends ReadonlyArray<unknown>>(
    self: Effect.Effect<A, E, R>,
    targets: After<A, C, Cs>,
    options?: ModeOnly
  ): Effect.Effect<A, E, R | Caching>
} = dual(
  (args) => args.length === 3 || Effect.isEffect(args[0]) || (args.length === 2 && !isOptions(args[1])),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    given: unknown,
    options: ModeOnly = {}
  ): Effect.Effect<A, E, R | Caching> => {
    requireEffect("Cached.invalidateAfter", self)
    checkOptions("Cached.invalidateAfter", options, checks)
    const targets = typeof given === "function" && !isKeyClass(given) ? undefined : parseGiven(given)
    // An interruption after the effect has succeeded must not skip the invalidation.
    return Effect.uninterruptibleMask((restore) => {
      const known = targets === undefined ? undefined : toStored(targets)
      return Effect.tap(
        restore(self),
        (value) =>
          afterCommit(
            invalidateTargets(known ?? toStored(parseGiven((given as ToTargets)(Exit.succeed(value)))), options)
          )
      )
    })
  }
)

/** Whether these are options, and no targets: a target has one field, of another name. */
const isOptions = (given: unknown): boolean =>
  given === undefined ||
  (typeof given === "object" && given !== null && Object.keys(given).every((name) => name === "mode"))

// Whether a key class was passed by mistake instead of `{ all }`. A class is also a function, but returns no targets.
const isKeyClass = (given: Function): boolean => "keyName" in given

type ToTargets = (exit: Exit.Exit<unknown>) => unknown

type After<A, C, Cs extends ReadonlyArray<unknown>> = OneOrMore<C, Cs> | ((exit: Exit.Success<A>) => OneOrMore<C, Cs>)
