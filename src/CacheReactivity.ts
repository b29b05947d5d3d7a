/**
 * A bridge between tags and Effect's `Reactivity`, both ways.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Caching from "./Caching.ts"
import { type Cache, cacheOf } from "./internal/engine/cache.ts"
import * as Policy from "./internal/engine/flight/callPolicy.ts"
import { escapeTag } from "./internal/key/ofKey.ts"

/**
 * Connects a cache layer with `Reactivity`: provide it instead of that one, and instead of `Reactivity.layer`.
 *
 * - What is invalidated through `Reactivity` (`invalidate`, `mutation`, also after an SQL transaction has committed)
 *   invalidates the tags of the same name first, so that no query that runs again is answered with an old value.
 * - What is invalidated by tag (`Cached.invalidateTag`, `Cached.invalidateAfter`) runs the queries of that name again,
 *   once the cache no longer has it. Other processes' queries are not run; they see a new value when they next run.
 *
 * A list of keys are the tags of these names, numbers and booleans as text. A record names its keys and each id:
 * `{ users: [1, 2] }` are the tags `users`, `users:1` and `users:2`, as it is for `Reactivity` itself; an entry that is
 * to live on when another user changes has the tag `users:1` alone, and is invalidated by `["users:1"]`. Objects have
 * no tag in a list, and in a record that of their hash.
 *
 * Within `Reactivity.withBatch` the cache is invalidated at once, and again at the end of the batch, before the queries
 * run: what was loaded in between may be older than what the batch has written.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Reactivity } from "effect/reactivity"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as CacheReactivity from "effect-cached/CacheReactivity"
 *
 * let names = ["Ada"]
 * const all = Effect.sync(() => names).pipe(Cached.ttl({ key: "all", ttl: "1 hour", tags: ["users"] }))
 * const add = (name: string) => Effect.sync(() => names = [...names, name]).pipe(Reactivity.mutation(["users"]))
 *
 * const program = Effect.gen(function*() {
 *   yield* all
 *   yield* add("Grace")
 *   return yield* all
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheReactivity.layer(CacheLayer.memory())))) // => ["Ada", "Grace"]
 * ```
 *
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

/** What is below: neither of the two knows of the other, so nothing comes back to where it began. */
interface Bridge {
  readonly caching: Cache
  readonly reactivity: Reactivity.Reactivity
  readonly fork: (effect: Effect.Effect<void>) => unknown
}

// ---------------------------------------------------------------------------------------------------------------------
// names
// ---------------------------------------------------------------------------------------------------------------------

const isName = (key: unknown): boolean => ["string", "number", "bigint", "boolean"].includes(typeof key)

/** As `Reactivity` itself names them, in one list. */
const listOf = (keys: Keys): ReadonlyArray<unknown> =>
  Array.isArray(keys)
    ? keys
    : Object.entries(keys as Exclude<Keys, ReadonlyArray<unknown>>).flatMap(([key, ids]) => [
      key,
      ...ids.map((id) => `${key}:${isName(id) ? id : Hash.hash(id)}`)
    ])

const tagsOf = (keys: Keys): ReadonlyArray<string> => listOf(keys).filter(isName).map((key) => escapeTag(String(key)))

/** The cache tells tags as it writes them, which is how it writes most keys, but not all. */
const withTags = (keys: Keys): ReadonlyArray<unknown> => [...listOf(keys), ...tagsOf(keys)]

// ---------------------------------------------------------------------------------------------------------------------
// both ways
// ---------------------------------------------------------------------------------------------------------------------

/** What is invalidated once more when the batch ends, by the way it was invalidated. */
const Batch = Context.Reference<Map<string, Again> | undefined>("effect-cached/CacheReactivity/Batch", {
  defaultValue: () => undefined
})

interface Again {
  readonly tags: Set<string>
  readonly invalidate: Invalidate
}

type Invalidate = (tags: ReadonlyArray<string>) => Effect.Effect<void>

const cachingOf = ({ caching, reactivity }: Bridge): Cache => ({
  ...caching,
  invalidateTags: (tags, ...rest) =>
    both(tags, {
      way: JSON.stringify(rest),
      ofCache: (tags) => caching.invalidateTags(tags, ...rest),
      ofQueries: reactivity.invalidate(tags)
    })
})

/** The queries run whatever becomes of the cache's part: that was invalid in this process before it could fail. */
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
  const invalidateTags = (tags: ReadonlyArray<string>): Effect.Effect<void> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Policy.Current).disabled.has("invalidate") ? Effect.void : caching.invalidateTags(tags)
    )

  const invalidate = (keys: Keys): Effect.Effect<void> =>
    Effect.suspend(() => {
      const ofQueries = reactivity.invalidate(withTags(keys))
      return both(tagsOf(keys), { way: "Reactivity", ofCache: invalidateTags, ofQueries })
    })

  return {
    ...reactivity,
    registerUnsafe: (keys, handler) => reactivity.registerUnsafe(withTags(keys), handler),
    query: (keys, effect) => reactivity.query(withTags(keys), effect),
    stream: (keys, effect) => reactivity.stream(withTags(keys), effect),
    invalidate,
    invalidateUnsafe: (keys) => {
      // What it does in this process it does before it first waits: here, before the queries run.
      fork(invalidateTags(tagsOf(keys)))
      reactivity.invalidateUnsafe(withTags(keys))
    },
    // What has happened is followed by its invalidation, whoever is interrupted then.
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
