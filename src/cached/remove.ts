/**
 * Removes entries, and counts them.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import type { Caching } from "../Caching.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { IdMap } from "../internal/idMap.ts"
import { isKey } from "../internal/key/isKey.ts"
import { inTurns } from "./inTurns.ts"
import { globOf, isList } from "./targets.ts"
import { type AnyKey, idOf, type ListOf, withCaching } from "./withCaching.ts"

/**
 * Removes the entry of a key, and returns whether the key had one. For a list of keys, or for all that match a pattern,
 * returns how many entries it removed. In some stores, an expired entry also counts.
 *
 * **When to use**
 *
 * Use if it matters whether, or how many, entries there were.
 *
 * **Details**
 *
 * `{ matching }` takes a pattern as in `Cached.entries`, and searches through the store. If the store cannot be
 * searched, the effect fails with a `StoreError`, because the number is then not known.
 *
 * **Example** (Removing entries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.setMany([["user:1", "Ada"], ["user:2", "Grace"], ["page:1", "Home"], ["page:2", "Terms"]])
 *   const one = yield* Cached.remove("user:1")
 *   const two = yield* Cached.remove(["user:1", "user:2"])
 *   return [one, two, yield* Cached.remove({ matching: "page:*" })]
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [true, 1, 2]
 * ```
 *
 * @see `Cached.invalidate` for an invalidation that returns nothing
 * @category mutations
 * @since 0.1.0
 */
export const remove: {
  // The form that is used most is the last one, which errors describe, and from which `Effect.forEach` infers.
  (matching: { readonly matching: string }): Effect.Effect<number, StoreError, Caching>
  (keys: ListOf<AnyKey>): Effect.Effect<number, never, Caching>
  (key: AnyKey): Effect.Effect<boolean, never, Caching>
} = (given: AnyKey | ListOf<AnyKey> | { readonly matching: string }): Effect.Effect<any, never, Caching> => {
  if (isList(given)) return removeMany(given as ListOf<AnyKey>)
  if (typeof given === "object" && given !== null && "matching" in given && !isKey(given)) {
    return removeMatching(given.matching) as Effect.Effect<number, never, Caching>
  }
  return withCaching((caching, policy) =>
    policy.disabled.has("remove")
      ? Effect.succeed(false)
      : Effect.map(caching.perform(Operations.invalidate, [idOf(given as AnyKey)]), (removed) => removed > 0)
  )
}

const removeMany = (keys: ListOf<AnyKey>): Effect.Effect<number, never, Caching> =>
  withCaching((caching, policy) => {
    if (policy.disabled.has("remove")) return Effect.succeed(0)
    const list = Array.from(keys)
    const ids = new IdMap<string>(list.length)
    const add = (key: AnyKey) => {
      const id = idOf(key)
      ids.set(id, id)
    }
    return inTurns(list, add, () => caching.perform(Operations.invalidate, ids.values()))
  })

const removeMatching = (pattern: string): Effect.Effect<number, StoreError, Caching> => {
  const glob = globOf("Cached.remove", pattern)
  return withCaching((caching, policy) =>
    policy.disabled.has("remove")
      ? Effect.succeed(0)
      : Effect.map(
        Stream.runLast(caching.perform(Operations.invalidateMatching, glob)),
        Option.match({ onNone: () => 0, onSome: ({ invalidated }) => invalidated })
      )
  )
}
