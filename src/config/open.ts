/** Makes a layer from a URL and from variables. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { CacheConfigError } from "../CacheError.ts"
import type * as CacheLayer from "../CacheLayer.ts"
import type * as Caching from "../Caching.ts"
import { mistake, nearest, noOption, refuseUnless } from "../internal/options/options.ts"
import * as Weigher from "../Weigher.ts"
import { formatted } from "./formats.ts"
import { type Format, nested, read, type Reading, variableOf } from "./readings.ts"
import { type Scheme, schemes, type StoreOf } from "./schemes.ts"
import { accountIn, type CacheUrl, parse, schemeOf, shown } from "./url.ts"

/** Makes the layer for a URL with a scheme of the program's own. */
type Open = (url: string) => AnyCache

// The public functions have the types of errors and services.
type AnyCache = Layer.Layer<Caching.Caching, any, any>

/** The settings besides the URL. */
export interface Beside {
  readonly own: { readonly [scheme: string]: Open }
  readonly options: CacheLayer.MemoryOptions
  /** The texts of the variables, by the options to which they belong, and the name before them, like `CACHE`. */
  readonly variables: ReadonlyMap<string, string | Redacted.Redacted<string>>
  readonly name: string | undefined
  /** Whether the program keeps the URL itself as a secret. */
  readonly isRedacted: boolean
}

type Read =
  | { readonly layer: AnyCache; readonly known?: undefined }
  | { readonly known: Scheme; readonly url: CacheUrl; readonly options: Record<string, unknown> & Format }

/** Reads a URL: to the layer, for a scheme of the program's own, or else the scheme and its options. */
const readUrl = Effect.fnUntraced(function*(
  given: string,
  beside: Beside
): Effect.fn.Return<Read, CacheConfigError> {
  // A file often ends with a new line.
  const text = given.trim()
  const scheme = yield* attempt(() => schemeOf(text).toLowerCase())
  if (Object.hasOwn(beside.own, scheme)) {
    yield* ignored(beside, Array.from(beside.variables.keys()), scheme)
    const layer = yield* attempt(() => {
      const layer = beside.own[scheme]!(text)
      const isCache: boolean = Layer.isLayer(layer)
      refuseUnless(isCache, `The scheme "${scheme}" must return a layer, like CacheLayer.memory()`)
      return layer
    })
    return { layer }
  }
  const { known, unused, url, values } = yield* attempt(() => {
    const known = knownScheme(text, scheme, Object.keys(beside.own))
    const url = parse(text)
    const unused = Array.from(beside.variables.keys()).filter((option) => !known.options.has(option))
    return { known, unused, url, values: valuesOf(url.options, known, beside) }
  })
  if (scheme !== "disabled") yield* ignored(beside, unused, scheme)
  if (!beside.isRedacted && url.authority !== undefined && accountIn(url.authority).password !== "") {
    yield* Effect.logWarning(
      `The URL of the cache contains a password, and text of URLs is easily shown: ${
        beside.name === undefined
          ? "pass the URL as Redacted.make(url)"
          : `move the password to the variable ${beside.name}_PASSWORD`
      }`
    )
  }
  const takes = (option: string) => Array.from(known.options.keys()).some((name) => name.split(".")[0] === option)
  const program = Object.fromEntries(
    Object.entries(beside.options).filter(([option]) => !secrets.has(option) || takes(option))
  )
  return { known, url, options: merged(program, nested(values)) as Record<string, unknown> & Format }
})

/** Options of some stores only. An operator may choose another store. */
const secrets: ReadonlySet<string> = new Set(["password", "credentials"])

export const open = Effect.fnUntraced(function*(
  given: string,
  beside: Beside
): Effect.fn.Return<AnyCache, CacheConfigError> {
  const read = yield* readUrl(given, beside)
  if (read.known === undefined) return read.layer
  const { known, options: { compress, format, ...options }, url } = read
  const layer = yield* attemptLater(() => known.open(url, options))
  const serializer = yield* attemptLater(() => formatted({ compress, format }, url.scheme === "files"))
  return serializer === undefined ? layer : Layer.provide(layer, serializer)
})

/** Opens the store of a URL, without a cache over it. Formats and options of the cache have no effect on a store. */
export const openStore = Effect.fnUntraced(function*(
  given: string,
  options: object
): Effect.fn.Return<StoreOf, CacheConfigError> {
  const beside = { own: {}, options, name: undefined, variables: new Map(), isRedacted: true }
  const read = yield* readUrl(given, beside)
  if (read.known === undefined || read.known.store === undefined) {
    return yield* Effect.fail(mistake(
      `A cache with the URL ${schemeOf(given.trim())}: stores nothing outside its program: give another URL, like ` +
        "disk:./cache"
    ))
  }
  const { known, options: merged, url } = read
  return yield* attemptLater(() => known.store!(url, merged))
})

const knownScheme = (text: string, scheme: string, own: ReadonlyArray<string>): Scheme => {
  if (Object.hasOwn(schemes, scheme)) return schemes[scheme]!
  const all = [...Object.keys(schemes), ...own]
  // If the beginning of the URL was lost, a user or a password may precede the first colon.
  const isScheme = text.startsWith("//", scheme.length + 1) || !text.includes("@")
  const near = isScheme ? nearest(scheme, all) : undefined
  throw mistake(
    `The URL of the cache has an unknown scheme${isScheme ? ` "${scheme}"` : ""}: ` +
      `${near === undefined ? "use" : `did you mean "${near}"? Use`} one of ${all.join(", ")}. If the scheme is ` +
      "the program's own, pass a function that makes its layer: { schemes: { name: (url) => layer } }"
  )
}

/** Reads the options in a URL, and those in variables, which take precedence. */
const valuesOf = (
  texts: ReadonlyMap<string, string>,
  { options }: Scheme,
  { name, variables }: Beside
): ReadonlyMap<string, unknown> => {
  const values = new Map<string, unknown>()
  for (const [option, text] of texts) {
    values.set(option, read(`The option "${option}" in the URL`, text, ofUrl(option, options, name)))
  }
  for (const [option, text] of variables) {
    const reading = options.get(option)
    if (reading === undefined || reading === "code") continue
    values.set(option, reading.isSecret ? text : read(`${name}_${variableOf(option)}`, text as string, reading))
  }
  return values
}

const ofUrl = (option: string, options: Scheme["options"], name = "CACHE"): Reading => {
  const reading = options.get(option)
  if (reading === undefined) {
    const known = Array.from(options).flatMap(([name, other]) => other === "code" || other.isSecret ? [] : [name])
    throw mistake(
      shown(option).startsWith("\"")
        ? `The URL of the cache has ${
          known.length === 0 ? `no option ${shown(option)}: leave it out` : noOption(option, known)
        }`
        : `The URL of the cache has an option ${shown(option)}`
    )
  }
  if (reading === "code") {
    throw mistake(`The option "${option}" cannot be in a URL: the program sets it, as one of options`)
  }
  if (!reading.isSecret) return reading
  throw mistake(`The option "${option}" is a secret: use the variable ${name}_${variableOf(option)}, not the URL`)
}

/** The options of the program, and over them those from outside, which may choose the other bound of memory. */
const grouped = ["refresh", "defaults", "credentials"]

const merged = (program: CacheLayer.MemoryOptions, outside: Record<string, any>): Record<string, unknown> => {
  const { capacity, maxWeight, weigher, ...others } = program
  const bounds = outside["maxWeight"] !== undefined
    ? { weigher: weigher ?? Weigher.bytes }
    : outside["capacity"] !== undefined
    ? {}
    : { capacity, maxWeight, weigher }
  return {
    ...others,
    ...bounds,
    ...outside,
    ...Object.fromEntries(grouped.flatMap((name) => {
      const group = (others as Record<string, object | undefined>)[name]
      return group === undefined || Effect.isEffect(group) && outside[name] !== undefined
        ? []
        : [[name, Effect.isEffect(group) ? group : { ...group, ...outside[name] }]]
    }))
  }
}

/** Says which variables have no effect. Otherwise an operator would believe that they have one. */
const ignored = ({ name }: Beside, options: ReadonlyArray<string>, scheme: string): Effect.Effect<void> =>
  options.length === 0 ? Effect.void : Effect.logWarning(
    `A cache with a URL of the scheme "${scheme}" ignores ${
      options.map((option) => `${name}_${variableOf(option)}`).join(", ")
    }`
  )

const attempt = <A>(run: () => A): Effect.Effect<A, CacheConfigError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (thrown) {
      return raise(thrown)
    }
  })

const attemptLater = <A>(run: () => Promise<A>): Effect.Effect<A, CacheConfigError> =>
  Effect.catch(Effect.tryPromise({ try: run, catch: (thrown) => thrown }), raise)

const raise = (thrown: unknown): Effect.Effect<never, CacheConfigError> =>
  thrown instanceof CacheConfigError ? Effect.fail(thrown) : Effect.die(thrown)
