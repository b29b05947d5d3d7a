/**
 * A cache as a storage of Keyv.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cached from "../Cached.ts"
import type { Caching } from "../Caching.ts"
import { mistake, refuseUnknown } from "../internal/options/options.ts"
import * as Places from "./places.ts"

/**
 * A storage as Keyv uses it: pass it as the `store` of a `Keyv` of version 5.
 * @category models
 * @since 0.1.0
 */
export interface KeyvCache {
  readonly opts: object
  namespace?: string | undefined
  on(event: string, listener: (...args: Array<any>) => void): KeyvCache
  get(key: string): Promise<any>
  getMany(keys: ReadonlyArray<string>): Promise<Array<any>>
  set(key: string, value: unknown, ttl?: number): Promise<boolean>
  setMany(
    entries: ReadonlyArray<{ readonly key: string; readonly value: unknown; readonly ttl?: number }>
  ): Promise<void>
  has(key: string): Promise<boolean>
  hasMany(keys: ReadonlyArray<string>): Promise<Array<boolean>>
  delete(key: string): Promise<boolean>
  deleteMany(keys: ReadonlyArray<string>): Promise<boolean>
  clear(): Promise<void>
  iterator(namespace?: string): AsyncGenerator<[string, any], void>
}

/**
 * The options of `KeyvCache.make`.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /**
   * The first part of the keys in the cache.
   * @default "keyv"
   */
  readonly prefix?: string | undefined
}

const what = "KeyvCache.make"

/**
 * Creates a storage for Keyv from a runtime that has a cache.
 *
 * **When to use**
 *
 * Use for a library that takes a `Keyv`, to keep its values in the cache of the program.
 *
 * **Details**
 *
 * - Values expire with the `ttl` that Keyv passes, and without one never. `clear` removes the values of the namespace.
 * - If the store of the cache does not answer, a read finds nothing, and a write stays in memory.
 * - Create one storage for each `Keyv`: Keyv writes its namespace into it.
 * - The runtime stays open: dispose of it when the program ends.
 *
 * **Gotchas**
 *
 * A cache may evict a value. Do not keep in it what exists nowhere else.
 *
 * **Example** (A Keyv over a cache)
 *
 * ```ts
 * import { ManagedRuntime } from "effect"
 * import { CacheLayer } from "effect-cached"
 * import { KeyvCache } from "effect-cached/bridges"
 * import { Keyv } from "keyv"
 *
 * const runtime = ManagedRuntime.make(CacheLayer.memory())
 * const keyv = new Keyv({ store: KeyvCache.make(runtime) })
 * await keyv.set("greeting", "hello", 60_000)
 * await keyv.get("greeting") // => "hello"
 * await runtime.dispose()
 * ```
 *
 * @see `KeyvStore.layer` for a cache over a Keyv
 * @category constructors
 * @since 0.1.0
 */
export const make = <E>(runtime: ManagedRuntime.ManagedRuntime<Caching, E>, options: Options = {}): KeyvCache => {
  if (typeof runtime?.runPromise !== "function") {
    throw mistake(`${what} needs a runtime: ManagedRuntime.make(CacheLayer.memory())`)
  }
  refuseUnknown(what, options, ["prefix"])
  const prefix = Places.checkPrefix(what, options.prefix ?? "keyv")
  const place = (key: string): string => Places.placeOf(prefix, key)
  const run = <A>(effect: Effect.Effect<A, unknown, Caching>): Promise<A> => runtime.runPromise(effect)
  const tag = (): string => `${prefix}:${self.namespace ?? ""}`
  const set = (key: string, value: unknown, ttl?: number) =>
    Cached.set(place(key), Places.itemOf(prefix, key, value), { ttl: ttl ?? "Infinity", tags: [tag()] })
  const list = (namespace?: string) =>
    Stream.runCollect(Places.keysOf(prefix, namespace === undefined ? "" : `${namespace}:`))
  const self: KeyvCache = {
    // Keyv iterates only over the adapters that it knows by their names, and uses the name for nothing else.
    opts: { dialect: "sqlite" },
    namespace: undefined,
    // Failures reject the promises, and there are no other events.
    on: () => self,
    get: (key) => run(Effect.map(Cached.getOption(place(key)), Places.valueOf)),
    getMany: (keys) => run(Effect.map(Cached.getMany(keys.map(place)), (found) => found.map(Places.valueOf))),
    set: (key, value, ttl) => run(set(key, value, ttl)),
    setMany: (entries) =>
      run(
        Places.setMany(
          entries.map(({ key, ttl, value }) => [place(key), Places.itemOf(prefix, key, value), ttl]),
          tag()
        )
      ),
    has: (key) => run(Cached.has(place(key))),
    hasMany: (keys) => run(Effect.map(Cached.getMany(keys.map(place)), (found) => found.map(Option.isSome))),
    delete: (key) => run(Cached.remove(place(key))),
    deleteMany: (keys) => run(Effect.map(Cached.remove(keys.map(place)), (removed) => removed > 0)),
    clear: () => run(Cached.invalidate({ tag: tag() })),
    async *iterator(namespace) {
      for (const key of await run(list(namespace))) {
        const value = await self.get(key)
        if (value !== undefined) yield [key, value]
      }
    }
  }
  return self
}
