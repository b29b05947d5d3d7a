/** Helpers for the public operations: they get the cache from the context, and check keys and tags. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Any, Services, Success } from "../CacheKey.ts"
import { Caching } from "../Caching.ts"
import { type Cache, cacheOf, cacheOfKey } from "../internal/engine/boundCache.ts"
import type * as Policy from "../internal/engine/request/callPolicy.ts"
import { Current } from "../internal/engine/request/callPolicy.ts"
import { copyOf } from "../internal/engine/request/copy.ts"
import { isKey } from "../internal/key/isKey.ts"
import { escapeTag, idOf as idOfKey } from "../internal/key/ofKey.ts"
import { kindOf } from "../internal/options/given.ts"
import { mistake } from "../internal/options/options.ts"

export type AnyKey = Any | string

/** A string, whose characters are strings too, is no list. */
export type ListOf<A> = Iterable<A> & object

export type ValueOf<K> = K extends string ? unknown : Success<K>

export type CodecsOf<K> = K extends string ? never : Services<K>

/** The context in which a cache was last looked up, and that cache. */
let lastContext: Context.Context<never> | undefined
let lastCache: Cache | undefined

const forget = (): void => {
  lastContext = undefined
  lastCache = undefined
}

/**
 * Gets the cache from a context. Remembers the cache for the next read, because many reads have the same context, and a
 * lookup takes a tenth of a hit's time. Forgets it in a microtask, so that an idle program does not retain a context.
 */
export const cacheAround = (context: Context.Context<never>): Cache | undefined =>
  context === lastContext ? lastCache : look(context)

// A separate function, so that V8 can inline the few instructions of the fast path.
const look = (context: Context.Context<never>): Cache | undefined => {
  const cache = Context.getOrUndefined(context as Context.Context<any>, Caching)
  if (lastContext === undefined) queueMicrotask(forget)
  lastContext = context
  return lastCache = cache && cacheOf(cache)
}

/** Gets the cache from a fiber's context, and throws if there is none. */
export const cacheOfFiber = (fiber: Fiber.Fiber<any, any>): Cache => cacheAround(fiber.context) ?? noCache()

export const noCache = (): never => {
  throw mistake(
    "There is no cache: provide a layer to the whole program, like Effect.provide(CacheLayer.memory()). Others " +
      "are disk, files, redis, postgres, sql, objects, layer (a store of your own), named (Cached.withCache) and disabled"
  )
}

/** Runs an operation with the cache and the policy of the fiber's context. */
export const withCaching = <A, E = never, R = never>(
  f: (caching: Cache, policy: Policy.Policy) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Caching> =>
  Effect.withFiber<A, E, R | Caching>((fiber) => {
    const cache = cacheOfFiber(fiber)
    const policy = fiber.getRef(Current)
    return f(cache, cache.policy === undefined ? policy : cache.policy(policy))
  })

export const streamWithCaching = <A, E, R = never>(
  f: (caching: Cache, policy: Policy.Policy) => Stream.Stream<A, E, R>
): Stream.Stream<A, E, R | Caching> =>
  Stream.unwrap(withCaching((caching, policy) => Effect.succeed(f(caching, policy))))

/** Returns a cached value, or a copy if the layer sets `copy`, for the caller of an operation that does not load. */
export const valueFor = <K extends AnyKey>(cache: Cache, key: K, value: unknown): ValueOf<K> => {
  const { copy } = cacheOfKey(cache, key)
  return (copy === undefined ? value : copyOf<unknown>(copy, key)(value)) as ValueOf<K>
}

export const checked = <K extends AnyKey>(key: K): K => {
  if (typeof key === "string" || isKey(key)) return key
  throw mistake(`A key cannot be ${kindOf(key)}: pass an instance of a CacheKey class, or a string`)
}

export const idOf = (key: AnyKey): string => idOfKey(checked(key))

export const tagOf = (tag: string): string => {
  if (typeof tag === "string") return escapeTag(tag)
  throw mistake(
    `A tag cannot be ${kindOf(tag)}: pass a string` +
      (Array.isArray(tag) ? `, and several as a list of { tag }` : "")
  )
}

export const tagsOf = (tags: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (Array.isArray(tags)) return tags.map(tagOf)
  throw mistake("tags must be a list of strings")
}
