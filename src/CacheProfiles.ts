/**
 * Profiles: lifetimes of key classes that are set outside the code of their reads, and can change while it runs.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { infoOf } from "./cached/targets.ts"
import { withCaching } from "./cached/withCaching.ts"
import type { CacheConfigError } from "./CacheError.ts"
import type { AnyClass } from "./CacheKey.ts"
import * as Caching from "./Caching.ts"
import { cacheOf } from "./internal/engine/boundCache.ts"
import { checkOptions, refuseUnless, requireList, requireObject } from "./internal/options/options.ts"
import * as Profiled from "./layers/profiledCache.ts"
import type { Profile } from "./layers/profiles.ts"
import * as Profiles from "./layers/profiles.ts"
import type { Serializer } from "./Serializer.ts"

export type { Profile } from "./layers/profiles.ts"

/**
 * A profile that a layer begins with.
 * @category models
 * @since 0.1.0
 */
export interface InitialProfile extends Profile {
  /** The serializer of the class in a store, which cannot change later. */
  readonly serializer?: Serializer | undefined
}

/**
 * The options of {@link layer}.
 * @category options
 * @since 0.1.0
 */
export interface Options<C extends AnyClass = AnyClass> {
  /** The key classes that have profiles. */
  readonly classes: ReadonlyArray<C>
  /**
   * The profiles that count at first, by the names of the classes.
   * @default none
   */
  readonly profiles?: { readonly [Name in C["keyName"]]?: InitialProfile } | undefined
}

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Gives key classes of a cache profiles, which replace options of their reads: `ttl`, `softTtl`, `refreshAfter`,
 * `idle`, `jitter` and `inherit`.
 *
 * **When to use**
 *
 * Use if whoever runs the program decides how long its results are kept. `CacheConfig.profiles` reads profiles from
 * variables or from a file.
 *
 * **Details**
 *
 * - A profile replaces what the strategies of a class name, in combinators, cached functions, bulk calls and streams.
 *   The options that it does not name keep their values. So do lifetimes that are given by hand (`Cached.set`,
 *   `Cached.touch`, `Cached.annotate`).
 * - {@link set} changes a profile while the program runs. Entries that exist get the new lifetime when they are read.
 * - A result that the program does not store (`when`, `storeIf`, a `ttl` function that returns 0) stays unstored.
 * - A profile must fit the strategies of its class. If it does not, because the strategy has no such option or its
 *   `softTtl` is not below the `ttl`, reads die with a `CacheConfigError`.
 * - Programs without profiles load none of this.
 *
 * **Gotchas**
 *
 * A `serializer` counts for the cache of the given layer. If another part of the program uses the same layer without
 * profiles, it gets that serializer too.
 *
 * **Example** (Keeping weather reports for ten minutes)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 * import * as CacheProfiles from "effect-cached/CacheProfiles"
 *
 * class Weather extends CacheKey.Class<Weather>()("Weather", {
 *   payload: { city: Schema.String },
 *   success: Schema.Number
 * }) {}
 *
 * let loads = 0
 * const weather = Cached.fn(Weather, () => Effect.sync(() => ++loads), { ttl: "1 day" })
 * const cache = CacheLayer.memory().pipe(
 *   CacheProfiles.layer({ classes: [Weather], profiles: { Weather: { ttl: "10 minutes" } } })
 * )
 * const program = Effect.gen(function*() {
 *   yield* weather({ city: "Berlin" })
 *   yield* TestClock.adjust("11 minutes")
 *   return yield* weather({ city: "Berlin" })
 * })
 * await Effect.runPromise(program.pipe(Effect.provide([cache, TestClock.layer()]))) // => 2
 * ```
 *
 * @see {@link set} for changing a profile
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  <C extends AnyClass>(
    options: Options<C>
  ): <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer) => Layer.Layer<Out, E, R>
  <Out, E, R, C extends AnyClass>(
    cache: Layer.Layer<Out, E, R> & CacheLayer,
    options: Options<C>
  ): Layer.Layer<Out, E, R>
} = dual(
  2,
  <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer, options: Options): Layer.Layer<Out, E, R> => {
    const what = "CacheProfiles.layer"
    const isCache: boolean = Layer.isLayer(cache)
    refuseUnless(isCache, `${what} needs the layer of a cache, like CacheLayer.memory()`)
    checkOptions(what, options, {
      classes: (classes) => requireList(`classes of ${what}`, classes, "key class"),
      profiles: (profiles) => {
        if (profiles !== undefined) requireObject(`profiles of ${what}`, profiles, "{ Weather: { ttl: \"1 hour\" } }")
      }
    })
    const infos = new Map(Array.from(options.classes, (keyClass) => {
      const info = infoOf(`each of the classes of ${what}`, keyClass)
      return [info.name, info] as const
    }))
    refuseUnless(infos.size > 0, `${what} has no classes: name those that have profiles`)
    refuseUnless(infos.size === Array.from(options.classes).length, `${what} has two classes of one name`)
    const classesWith = (profiles: { readonly [name: string]: Profile }): Profiles.Classes =>
      new Map(Array.from(infos.keys(), (name) => {
        const active = Profiles.check(name, profiles[name] ?? {})
        return [name, { name, active, seen: [] }]
      }))
    const given: { readonly [name: string]: InitialProfile | undefined } = options.profiles ?? {}
    const profiles: Record<string, Profile> = {}
    const serializers = new Map<string, Serializer>()
    const known = classesWith({})
    for (const [name, profile] of Object.entries(given)) {
      if (profile === undefined) continue
      Profiles.classNamed(what, known, name)
      requireObject(`the profile of "${name}"`, profile, "{ ttl: \"1 hour\" }")
      const { serializer, ...others } = profile
      profiles[name] = others
      if (serializer === undefined) continue
      const isSerializer = typeof serializer === "object" && serializer !== null &&
        typeof serializer.make === "function"
      refuseUnless(
        isSerializer,
        `serializer of the profile of "${name}" must be one like Json of effect-cached/serializers/Json`
      )
      serializers.set(name, serializer)
    }
    // Checks them now, rather than when the layer is built.
    classesWith(profiles)
    return Layer.flatMap(cache as Layer.Layer<Caching.Caching, E, R>, (built) =>
      Layer.succeedContext((() => {
        const inner = cacheOf(Context.get(built, Caching.Caching))
        for (const [name, serializer] of serializers) {
          inner.perform(Profiled.serialize, infos.get(name)!, serializer)
        }
        return Context.add(built, Caching.Caching, Profiled.make(inner, classesWith(profiles)))
      })())) as unknown as Layer.Layer<Out, E, R>
  }
)

const nameOf = (what: string, keyClass: AnyClass | string): string =>
  typeof keyClass === "string" ? keyClass : infoOf(`${what}, if not given a name,`, keyClass).name

/**
 * Replaces the whole profile of a key class, for all reads that begin later. `{}` removes it.
 *
 * **Details**
 *
 * The class is given as itself or by its name. The effect fails with a `CacheConfigError`, and changes nothing, if the
 * class is none of those of {@link layer}, if an option is wrong, or if it does not fit a strategy with which the class
 * has been read so far.
 *
 * **Example** (Shortening a lifetime)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { CacheKey, CacheLayer } from "effect-cached"
 * import * as CacheProfiles from "effect-cached/CacheProfiles"
 *
 * class Price extends CacheKey.Class<Price>()("Price", { payload: { id: Schema.Int }, success: Schema.Number }) {}
 *
 * const cache = CacheLayer.memory().pipe(CacheProfiles.layer({ classes: [Price] }))
 * const program = Effect.andThen(CacheProfiles.set(Price, { ttl: "1 minute" }), CacheProfiles.current)
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => { Price: { ttl: "1 minute" } }
 * ```
 *
 * @see {@link current}
 * @category operations
 * @since 0.1.0
 */
export const set = (
  keyClass: AnyClass | string,
  profile: Profile
): Effect.Effect<void, CacheConfigError, Caching.Caching> => {
  const name = nameOf("CacheProfiles.set", keyClass)
  return withCaching((cache) => cache.perform(Profiled.set, name, profile))
}

/**
 * The profiles that count now, by the names of their classes. Classes without a profile are left out.
 *
 * **Example** (Reading profiles)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer } from "effect-cached"
 * import * as CacheProfiles from "effect-cached/CacheProfiles"
 *
 * await Effect.runPromise(CacheProfiles.current.pipe(Effect.provide(CacheLayer.memory()))) // => {}
 * ```
 *
 * @see {@link set}
 * @category accessors
 * @since 0.1.0
 */
export const current: Effect.Effect<{ readonly [name: string]: Profile }, never, Caching.Caching> = withCaching((
  cache
) => Effect.sync(() => cache.perform(Profiled.current)))
