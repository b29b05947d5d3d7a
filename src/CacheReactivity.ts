/**
 * A bridge between the tags of a cache and Effect's `Reactivity`, in both directions.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Caching from "./Caching.ts"
import { type Cache, cacheOf, type Operation } from "./internal/engine/boundCache.ts"
import { invalidateTags } from "./internal/engine/operationTable.ts"
import * as Policy from "./internal/engine/request/callPolicy.ts"
import { escapeTag } from "./internal/key/ofKey.ts"

/**
 * Connects a cache with `Reactivity`. Provide this layer instead of the cache layer and `Reactivity.layer`.
 *
 * **When to use**
 *
 * Use if the program has `Reactivity` queries, such as atoms, that read through the cache.
 *
 * **Details**
 *
 * - When `Reactivity` invalidates keys (by `invalidate` or `mutation`, or after an SQL transaction has committed), the
 *   cache first invalidates the tags with the same names, so that a query that runs again never gets an old value.
 * - When the cache invalidates tags (`Cached.invalidate`, `Cached.invalidateAfter`), it first removes their entries.
 *   Then the queries with the same names run again. Queries in other processes get a new value when they next run.
 * - In a list of keys, each string, number, bigint or boolean names a tag, and an object names none. In a record, the
 *   keys and their ids name tags, as in `Reactivity` itself: `{ users: [1, 2] }` names `users`, `users:1` and
 *   `users:2`. For an object in a record, the id is its hash.
 * - Within `Reactivity.withBatch`, the cache is invalidated at once, and again at the end of the batch before the
 *   queries run, because a load during the batch may have read data that the batch had not yet changed.
 *
 * **Example** (Invalidating by a mutation)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Reactivity } from "effect/reactivity"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as CacheReactivity from "effect-cached/CacheReactivity"
 *
 * let names = ["Ada"]
 * const all = Effect.sync(() => names).pipe(Cached.ttl("all", { ttl: "1 hour", tags: ["users"] }))
 * const add = (name: string) => Effect.sync(() => names = [...names, name]).pipe(Reactivity.mutation(["users"]))
 * const program = Effect.andThen(all, Effect.andThen(add("Grace"), all))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheReactivity.layer(CacheLayer.memory())))) // => ["Ada", "Grace"]
 * ```
 *
 * @see `Cached.invalidateAfter` for writes without `Reactivity`
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  cache: Layer.Layer<Caching.Caching, E, R>
): Layer.Layer<Caching.Caching | Reactivity.Reactivity, E, R> =>
  Layer.provide(
    Layer.effectContext(Effect.contextWith((context: Context.Context<Caching.Caching | Reactivity.Reactivity>) => {
      const bridge: Bridge = {
        caching: cacheOf(Context.get(context, Caching.Caching)),
        reactivity: Context.get(context, Reactivity.Reactivity),
        fork: Effect.runForkWith(context)
      }
      return Effect.succeed(
        Context.make(Caching.Caching, cachingOf(bridge)).pipe(Context.add(Reactivity.Reactivity, reactivityOf(bridge)))
      )
    })),
    [cache, Reactivity.layer]
  )

type Keys = Parameters<Reactivity.Reactivity["invalidate"]>[0]

/** The cache and `Reactivity` before they are connected. Neither calls the other, so an invalidation cannot loop. */
interface Bridge {
  readonly caching: Cache
  readonly reactivity: Reactivity.Reactivity
  readonly fork: (effect: Effect.Effect<void>) => unknown
}

const isName = (key: unknown): boolean => ["string", "number", "bigint", "boolean"].includes(typeof key)

/** Returns the keys as a list. A record contributes each key, and the key joined with each id, like `users:1`. */
const listOf = (keys: Keys): ReadonlyArray<unknown> =>
  Array.isArray(keys)
    ? keys
    : Object.entries(keys as Exclude<Keys, ReadonlyArray<unknown>>).flatMap(([key, ids]) => [
      key,
      ...ids.map((id) => `${key}:${isName(id) ? id : Hash.hash(id)}`)
    ])

const tagsOf = (keys: Keys): ReadonlyArray<string> => listOf(keys).filter(isName).map((key) => escapeTag(String(key)))

/** Returns the keys and their escaped tags, because the cache passes escaped tags to `Reactivity`. */
const withTags = (keys: Keys): ReadonlyArray<unknown> => [...listOf(keys), ...tagsOf(keys)]

/** The tags to invalidate again at the end of the current batch, grouped by kind of invalidation. */
const Batch = Context.Reference<Map<string, Again> | undefined>("effect-cached/CacheReactivity/Batch", {
  defaultValue: () => undefined
})

interface Again {
  readonly tags: Set<string>
  readonly invalidate: Invalidate
}

type Invalidate = (tags: ReadonlyArray<string>) => Effect.Effect<void>

const cachingOf = (bridge: Bridge): Cache => ({
  ...bridge.caching,
  perform: (operation, ...args) =>
    operation as unknown === invalidateTags
      ? invalidateBoth(bridge, ...args as unknown as ArgsOf<typeof invalidateTags>) as ReturnType<typeof operation.over>
      : bridge.caching.perform(operation, ...args)
})

type ArgsOf<O> = O extends Operation<infer Args, any> ? Args : never

const invalidateBoth = (
  { caching, reactivity }: Bridge,
  ...[tags, ...rest]: ArgsOf<typeof invalidateTags>
): Effect.Effect<void> =>
  both(tags, {
    way: JSON.stringify(rest),
    ofCache: (tags) => caching.perform(invalidateTags, tags, ...rest),
    ofQueries: reactivity.invalidate(tags)
  })

/** Invalidates tags in the cache, then reruns the queries, even if the store fails: memory has dropped the entries. */
const both = (tags: ReadonlyArray<string>, { ofCache, ofQueries, way }: {
  readonly way: string
  readonly ofCache: Invalidate
  readonly ofQueries: Effect.Effect<void>
}): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const batch = fiber.getRef(Batch)
    if (batch !== undefined) {
      const again = batch.get(way) ?? { tags: new Set(), invalidate: ofCache }
      batch.set(way, again)
      for (const tag of tags) again.tags.add(tag)
    }
    return Effect.ensuring(ofCache(tags), ofQueries)
  })

const reactivityOf = ({ caching, fork, reactivity }: Bridge): Reactivity.Reactivity => {
  const ofCache = (tags: ReadonlyArray<string>): Effect.Effect<void> =>
    Effect.withFiber((fiber) => {
      const { policy = (current) => current } = caching
      const { disabled } = policy(fiber.getRef(Policy.Current))
      return disabled.has("invalidate") ? Effect.void : caching.perform(invalidateTags, tags)
    })

  const invalidate = (keys: Keys): Effect.Effect<void> =>
    Effect.suspend(() => {
      const ofQueries = reactivity.invalidate(withTags(keys))
      return both(tagsOf(keys), { way: "Reactivity", ofCache, ofQueries })
    })

  return {
    ...reactivity,
    registerUnsafe: (keys, handler) => reactivity.registerUnsafe(withTags(keys), handler),
    query: (keys, effect) => reactivity.query(withTags(keys), effect),
    stream: (keys, effect) => reactivity.stream(withTags(keys), effect),
    invalidate,
    invalidateUnsafe: (keys) => {
      // The forked effect starts synchronously and drops this process's entries before the queries run.
      fork(ofCache(tagsOf(keys)))
      reactivity.invalidateUnsafe(withTags(keys))
    },
    // After a successful mutation, the invalidation runs even if the caller is interrupted.
    mutation: (keys, effect) => Effect.onExit(effect, (exit) => Exit.isSuccess(exit) ? invalidate(keys) : Effect.void),
    withBatch: (effect) =>
      Effect.suspend(() => {
        const batch = new Map<string, Again>()
        const again = Effect.suspend(() =>
          Effect.forEach(batch.values(), ({ invalidate, tags }) => invalidate(Array.from(tags)), { discard: true })
        )
        return effect.pipe(
          Effect.provideService(Batch, batch),
          Effect.onExit(() => again),
          reactivity.withBatch
        )
      })
  }
}
