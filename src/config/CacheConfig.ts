/**
 * Caches that are chosen from outside the program: by a URL, or by variables. Only what a URL names is loaded.
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { CacheConfigError, StoreError } from "../CacheError.ts"
import type { MemoryOptions, ObjectsOptions, RedisOptions } from "../CacheLayer.ts"
import type * as CachePolicy from "../CachePolicy.ts"
import type * as Caching from "../Caching.ts"
import { mistake, nearest, refuseUnknown, requireObject } from "../internal/options/options.ts"
import { type Beside, open } from "./open.ts"
import { isOff, isOn, type Reading, variableOf } from "./readings.ts"
import { schemes } from "./schemes.ts"
import { below } from "./variables.ts"

/** @internal */
export interface Schemes {
  readonly [scheme: string]: (url: string) => AnyCache
}

type Secrets = Pick<RedisOptions, "password"> & Partial<Pick<ObjectsOptions, "credentials">>

type AnyCache = Layer.Layer<Caching.Caching, any, any>

type Given<S extends Schemes> = ReturnType<S[keyof S]>

/**
 * The options of `fromUrl`.
 * @category options
 * @since 0.1.0
 */
interface UrlOptions<S extends Schemes = {}> {
  /**
   * Schemes of your own: for each, a function that gets the URL and returns a layer.
   * @default none
   */
  readonly schemes?: { readonly [Name in keyof S]: S[Name] & Schemes[string] } | undefined
  /**
   * Options that the program sets, such as a `strategy`, or secrets, for stores that have them. The same options in the
   * URL or in variables override them.
   * @default each has its own
   */
  readonly options?: MemoryOptions & Secrets | undefined
}

/**
 * The options of `layer`.
 * @category options
 * @since 0.1.0
 */
interface ConfigOptions<S extends Schemes = {}, D extends string | AnyCache = string> extends UrlOptions<S> {
  /** The cache that is used if the variable with the URL is not set: a layer, or a URL. */
  readonly default: D
}

/**
 * A cache with the store and the options that a URL names.
 *
 * **When to use**
 *
 * Use if the URL comes from a file or an argument. For environment variables, use `layer`.
 *
 * **Details**
 *
 * - The schemes are `memory:`, `disk:./cache`, `files:./cache`, `postgres://host/database`, `s3://bucket/prefix`,
 *   `redis://host`, `redis+cluster://host1,host2`, `redis+sentinel://host1,host2/master`, the three with `rediss` for
 *   TLS, and `disabled:`. `schemes` adds your own.
 * - The parameters after `?` are the options of the layer, like `capacity=1000`, `refresh.timeout=30s` or
 *   `maxSize=1GiB`. `format` and `compress` choose the serializer of a store.
 * - The layer fails with a `CacheConfigError` if a scheme, an option or its value is wrong.
 * - A password in the URL is used and appears in no message. If the URL is not `Redacted`, a warning is logged.
 *
 * **Example** (Choosing a cache by its URL)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached } from "effect-cached"
 * import { CacheConfig } from "effect-cached/config"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * const cache = CacheConfig.fromUrl("memory:?capacity=1000&shutdownTimeout=1s")
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link layer} for variables
 * @category layers
 * @since 0.1.0
 */
export const fromUrl = <S extends Schemes = {}>(
  url: string | Redacted.Redacted<string>,
  options: UrlOptions<S> = {}
): Layer.Layer<Caching.Caching, CacheConfigError | StoreError | Layer.Error<Given<S>>, Layer.Services<Given<S>>> => {
  const what = "CacheConfig.fromUrl"
  const text = textOf(what, url)
  refuseUnknown(what, options, ["schemes", "options"])
  return Layer.unwrap(
    open(text, {
      ...besideOf(what, options),
      name: undefined,
      variables: new Map(),
      isRedacted: Redacted.isRedacted(url)
    })
  )
}

const textOf = (what: string, url: string | Redacted.Redacted<string>): string => {
  const text = Redacted.isRedacted(url) ? Redacted.value(url) : url
  if (typeof text === "string") return text
  throw mistake(`${what} needs a URL as text, like "memory:", or Redacted.make(url)`)
}

const besideOf = (what: string, { options = {}, schemes: own = {} }: UrlOptions<Schemes>) => {
  requireObject(`options of ${what}`, options)
  requireObject(`schemes of ${what}`, own, "{ my: (url) => layer }")
  for (const [scheme, make] of Object.entries(own)) {
    if (Object.hasOwn(schemes, scheme)) {
      throw mistake(`The scheme "${scheme}" of ${what} exists already: name it otherwise`)
    }
    if (!/^[a-z][a-z0-9+.-]+$/.test(scheme)) {
      throw mistake(`The scheme "${scheme}" of ${what} must have two or more lower-case letters, digits, +, . or -`)
    }
    if (typeof make !== "function") {
      throw mistake(`The scheme "${scheme}" of ${what} must be a function of a URL that returns a layer`)
    }
  }
  return { options, own }
}

/** The readings of the options of all schemes, by the names of the options. */
const known: ReadonlyMap<string, Reading> = new Map(
  Object.values(schemes).flatMap(({ options }) =>
    Array.from(options).flatMap(([option, reading]) => reading === "code" ? [] : [[option, reading] as const])
  )
)

/**
 * A cache that variables choose: `CACHE_URL` has its URL, and each option has a variable of its own, like
 * `CACHE_MAX_SIZE`. The variables are read with Effect's `Config`, so a `ConfigProvider` can take them from elsewhere.
 *
 * **When to use**
 *
 * Use if an operator chooses the cache without a change to the program.
 *
 * **Details**
 *
 * - If `CACHE_URL` is not set or empty, the cache is the `default`, and a line of the log says so.
 * - An option in a variable overrides the same option in the URL. A variable that the cache has no use for is reported
 *   with a warning, and one that is almost spelled like another is a `CacheConfigError`.
 * - `CACHE_PASSWORD` and `CACHE_SENTINEL_PASSWORD` are secrets.
 * - `CACHE_DISABLED=1` disables the cache, and `CACHE_DISABLED=set,invalidate` these operations (`withDisabled`).
 *
 * **Example** (Reading variables)
 *
 * ```ts
 * import { ConfigProvider, Effect } from "effect"
 * import { Cached } from "effect-cached"
 * import { CacheConfig } from "effect-cached/config"
 *
 * const env = { SHOP_CACHE_URL: "memory:", SHOP_CACHE_CAPACITY: "1000" }
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * const program = answer.pipe(
 *   Effect.provide(CacheConfig.layer("SHOP_CACHE", { default: "disabled:" })),
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
 * )
 * await Effect.runPromise(program) // => 42
 * ```
 *
 * @see {@link fromUrl} for a URL that the program has already
 * @category layers
 * @since 0.1.0
 */
export const layer = <D extends string | AnyCache, S extends Schemes = {}>(
  name: string,
  options: ConfigOptions<S, D>
): Layer.Layer<
  Caching.Caching,
  CacheConfigError | Config.ConfigError | StoreError | Layer.Error<Given<S> | Exclude<D, string>>,
  Layer.Services<Given<S> | Exclude<D, string>>
> => {
  const what = "CacheConfig.layer"
  if (typeof name !== "string" || !/^[A-Za-z]\w*$/.test(name) || name.endsWith("_")) {
    throw mistake(`${what} needs the beginning of its variables first, like "CACHE" for CACHE_URL`)
  }
  refuseUnknown(what, options, ["default", "schemes", "options"])
  const usual = options.default
  const isCache: boolean = typeof usual === "string" || Layer.isLayer(usual)
  if (!isCache) {
    throw mistake(`${what} needs a default, a layer like CacheLayer.memory() or a URL, for when ${name}_URL is not set`)
  }
  const beside = besideOf(what, options)
  return Layer.unwrap(Effect.gen(function*() {
    yield* refuseMisspelled(name)
    const { disabled, url, variables } = yield* read(name)
    const all = { ...beside, name, variables, isRedacted: false }
    if (disabled !== undefined && isOn(disabled)) {
      yield* Effect.logInfo(`${name}_DISABLED is set, so nothing is cached`)
      return yield* open("disabled:", all)
    }
    const operations = disabled === undefined || isOff(disabled)
      ? []
      : yield* operationsIn(`${name}_DISABLED`, disabled)
    const cache = yield* chosen(url, all, usual)
    if (operations.length === 0) return cache
    const { withDisabled } = yield* Effect.promise(() => import("../CacheLayer.ts"))
    return withDisabled<Caching.Caching, any, any>(cache, operations)
  }))
}

const operationNames: ReadonlyArray<string> = ["get", "set", "remove", "invalidate", "clear"] satisfies ReadonlyArray<
  CachePolicy.Operation
>

const operationsIn = Effect.fnUntraced(function*(variable: string, text: string) {
  const operations = text.split(",").map((operation) => operation.trim())
  if (operations.every((operation): operation is CachePolicy.Operation => operationNames.includes(operation))) {
    yield* Effect.logInfo(`${variable} is set, so the cache has no ${operations.join(", ")}`)
    return operations
  }
  return yield* Effect.fail(mistake(`${variable} must be true, false, or some of ${operationNames.join(", ")}`))
})

const chosen = Effect.fnUntraced(function*(
  url: Redacted.Redacted<string> | undefined,
  beside: Beside & { readonly name: string },
  usual: string | AnyCache
): Effect.fn.Return<AnyCache, CacheConfigError> {
  const { name, variables } = beside
  if (url !== undefined) return yield* open(Redacted.value(url), beside)
  yield* Effect.logInfo(
    `${name}_URL is not set, so the cache is the default of the program` +
      (typeof usual === "string" ? `, ${/^[^:]*/.exec(usual)![0]}:` : "")
  )
  if (typeof usual === "string") return yield* open(usual, beside)
  if (variables.size > 0) {
    yield* Effect.logWarning(
      `Without ${name}_URL, the cache ignores ${
        Array.from(variables.keys(), (option) => `${name}_${variableOf(option)}`).join(", ")
      }`
    )
  }
  return usual
})

/** Reads a variable. One that is empty or blank counts as none. */
const variable = Effect.fnUntraced(function*<A extends string | Redacted.Redacted>(
  config: (name: string) => Config.Config<A>,
  name: string,
  end: string
) {
  const inParts = yield* Config.option(Config.nested(config(end), name))
  // Other sources than the environment may have the whole name.
  const given = Option.isSome(inParts) ? inParts : yield* Config.option(config(`${name}_${end}`))
  const text = Option.getOrUndefined(given)
  if (text === undefined) return undefined
  const plain = (Redacted.isRedacted(text) ? Redacted.value(text) : text) as string
  if (plain.trim() === "") return undefined
  // The white space of a secret may belong to it.
  return Redacted.isRedacted(text) ? text : plain.trim() as A
})

const read = Effect.fnUntraced(function*(name: string) {
  const variables = new Map<string, string | Redacted.Redacted<string>>()
  for (const [option, { isSecret }] of known) {
    const given = yield* variable<string | Redacted.Redacted<string>>(
      isSecret ? Config.Redacted : Config.String,
      name,
      variableOf(option)
    )
    if (given !== undefined) variables.set(option, given)
  }
  return {
    url: yield* variable(Config.Redacted, name, "URL"),
    disabled: yield* variable(Config.String, name, "DISABLED"),
    variables
  }
})

/** The ends of all variables that a cache has. */
const ends: ReadonlyArray<string> = ["URL", "DISABLED", ...Array.from(known.keys(), variableOf)]

/** Fails for a variable that is almost one of the cache. Others that begin in the same way may be of other programs. */
const refuseMisspelled = Effect.fnUntraced(function*(name: string) {
  for (const [end] of yield* below(name, mostParts)) {
    // Those of `profiles` are checked there.
    const isOther = end === "" || ends.includes(end) || /^PROFILES(_|$)/.test(end)
    const near = isOther ? undefined : nearest(end, ends)
    if (near === undefined) continue
    return yield* Effect.fail(mistake(`${name}_${end} is not a variable of the cache: did you mean ${name}_${near}?`))
  }
})

/** No variable of a cache has more parts. */
const mostParts = 4

export { profiles } from "./profiles.ts"
