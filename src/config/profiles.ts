/**
 * Profiles of key classes that are chosen from outside the program: by variables, or in a file.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { CacheConfigError } from "../CacheError.ts"
import type { AnyClass } from "../CacheKey.ts"
import * as CacheProfiles from "../CacheProfiles.ts"
import type * as Caching from "../Caching.ts"
import { mistake, nearest, noOption, refuseUnless } from "../internal/options/options.ts"
import { serializerOf } from "./formats.ts"
import { type Format, profileOptions, read, type Reading, variableOf } from "./readings.ts"
import { below } from "./variables.ts"

type CacheLayer = Layer.Layer<Caching.Caching, unknown, unknown>

/**
 * Gives key classes of a cache profiles that an operator sets: `CACHE_PROFILES_WEATHER_TTL=10m` keeps the results of
 * the class `Weather` for ten minutes, whatever the program says.
 *
 * **When to use**
 *
 * Use if whoever runs the program decides how long its results are kept. If the program decides, use
 * `CacheProfiles.layer`.
 *
 * **Details**
 *
 * - A variable is the given name, the name of a class and that of an option, in capitals and separated by `_`.
 * - The variable that has the given name itself holds all profiles as JSON, like `{"Weather":{"ttl":"10 minutes"}}`, or
 *   is the path of such a file. Single variables override it, and all override `profiles` of the program.
 * - The options are those of a profile, and `format` and `compress` for its serializer. Values are texts, as they are
 *   for `layer`.
 * - The layer fails with a `CacheConfigError` if a class, an option or a value is wrong.
 *
 * **Example** (Setting a lifetime from outside)
 *
 * ```ts
 * import { ConfigProvider, Effect, Schema } from "effect"
 * import { CacheKey, CacheLayer } from "effect-cached"
 * import * as CacheProfiles from "effect-cached/CacheProfiles"
 * import { CacheConfig } from "effect-cached/config"
 *
 * class Weather extends CacheKey.Class<Weather>()("Weather", {
 *   payload: { city: Schema.String },
 *   success: Schema.Number
 * }) {}
 *
 * const cache = CacheLayer.memory().pipe(CacheConfig.profiles("CACHE_PROFILES", { classes: [Weather] }))
 * const env = { CACHE_PROFILES_WEATHER_JITTER: "0.1" }
 * const program = CacheProfiles.current.pipe(
 *   Effect.provide(cache),
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
 * )
 * await Effect.runPromise(program) // => { Weather: { jitter: 0.1 } }
 * ```
 *
 * @see `CacheProfiles.set` for changing a profile while the program runs
 * @category layers
 * @since 0.1.0
 */
export const profiles: {
  <C extends AnyClass>(
    name: string,
    options: CacheProfiles.Options<C>
  ): <Out, E, R>(cache: Layer.Layer<Out, E, R> & CacheLayer) => Layer.Layer<Out, E | CacheConfigError, R>
  <Out, E, R, C extends AnyClass>(
    cache: Layer.Layer<Out, E, R> & CacheLayer,
    name: string,
    options: CacheProfiles.Options<C>
  ): Layer.Layer<Out, E | CacheConfigError, R>
} = dual(
  3,
  <Out, E, R>(
    cache: Layer.Layer<Out, E, R> & CacheLayer,
    name: string,
    options: CacheProfiles.Options
  ): Layer.Layer<Out, E | CacheConfigError, R> => {
    if (typeof name !== "string" || !/^[A-Za-z]\w*$/.test(name) || name.endsWith("_")) {
      throw mistake(`CacheConfig.profiles needs the name of its variable, like "CACHE_PROFILES"`)
    }
    // Checks what the program itself gives at once.
    CacheProfiles.layer(cache, options)
    const classes = Array.from(options.classes, ({ keyName }) => keyName)
    return Layer.unwrap(Effect.flatMap(
      given(name, classes),
      (outside) =>
        attempt(async () =>
          CacheProfiles.layer<Out, E, R, AnyClass>(cache, {
            classes: options.classes,
            profiles: merged(options.profiles ?? {}, outside)
          })
        )
    ))
  }
)

type Given = Readonly<Record<string, CacheProfiles.InitialProfile | undefined>>

const merged = (program: Given, outside: Given): Given => {
  const all: Record<string, CacheProfiles.InitialProfile | undefined> = { ...program }
  for (const [name, profile] of Object.entries(outside)) all[name] = { ...all[name], ...profile }
  return all
}

const options: ReadonlyMap<string, Reading> = new Map(Object.entries(profileOptions))

/** The part of a name in a variable: `USER_PROFILE` for the class `UserProfile` or `user/profile`. */
const partOf = (name: string): string =>
  name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(/\W+/g, "_").toUpperCase()

/** Texts by class and option. */
type Texts = Map<string, Map<string, { readonly what: string; readonly text: string }>>

const given = Effect.fnUntraced(function*(name: string, classes: ReadonlyArray<string>) {
  const texts: Texts = new Map(classes.map((name) => [name, new Map()]))
  const variables = yield* below(name, mostParts)
  const whole = variables.find(([end]) => end === "")?.[1].trim() ?? ""
  if (whole !== "") yield* fromJson(name, whole, texts)
  yield* attempt(async () => {
    for (const [end, text] of variables) if (end !== "") addVariable({ name, end, text }, texts)
  })
  const profiles = yield* attempt(async () => {
    const all: Record<string, CacheProfiles.InitialProfile> = {}
    for (const [name, ofClass] of texts) if (ofClass.size > 0) all[name] = await profileOf(name, ofClass)
    return all
  })
  const set = Object.entries(profiles)
  if (set.length > 0) {
    yield* Effect.logInfo(
      `${name} sets ${set.map(([name, profile]) => `${Object.keys(profile).join(", ")} of ${name}`).join("; ")}`
    )
  }
  return profiles
})

/** The name of a class may have several parts. */
const mostParts = 12

const addVariable = (
  { end, name, text }: { readonly name: string; readonly end: string; readonly text: string },
  texts: Texts
): void => {
  const meant = Array.from(texts.keys()).flatMap((className) =>
    Array.from(options.keys(), (option) => ({ className, option, end: `${partOf(className)}_${variableOf(option)}` }))
  )
  const found = meant.filter((one) => one.end === partOf(end))
  const what = `${name}_${end}`
  if (found.length > 1) {
    throw mistake(`${what} could be of ${found.map((one) => `"${one.className}"`).join(" or ")}: use JSON in ${name}`)
  }
  const [one] = found
  if (one === undefined) {
    const near = nearest(partOf(end), meant.map(({ end }) => end))
    throw mistake(
      `${what} is not a variable of profiles: ${near === undefined ? "use" : `did you mean ${name}_${near}? Use`} ` +
        `one of the classes ${Array.from(texts.keys(), partOf).join(", ")} with ` +
        Array.from(options.keys(), variableOf).join(", ")
    )
  }
  // An empty variable counts as none.
  if (text.trim() !== "") texts.get(one.className)!.set(one.option, { what, text: text.trim() })
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fromJson = Effect.fnUntraced(function*(name: string, text: string, texts: Texts) {
  const found = text.startsWith("{") ? text : yield* Effect.tryPromise({
    // Imported here, because other platforms have no files.
    try: async () => await (await import("node:fs/promises")).readFile(text, "utf8"),
    catch: (thrown) =>
      mistake(
        `${name} must be JSON like {"${texts.keys().next().value}":{"ttl":"10m"}} or the path of such a file, and no ` +
          `file could be read there (${(thrown as { readonly code?: string }).code ?? "it is not a path"})`
      )
  })
  // Programs of Windows begin a file with a byte order mark.
  const json = found.replace(/^\uFEFF/, "")
  yield* attempt(async () => {
    // The message of the parser would show a part of the text.
    const parsed = await Promise.resolve(json).then((text) => JSON.parse(text) as unknown).catch(() => undefined)
    refuseUnless(isRecord(parsed), `${name} is not JSON of profiles, like {"Weather":{"ttl":"10m"}}`)
    for (const [className, profile] of Object.entries(parsed)) {
      const ofClass = texts.get(className)
      if (ofClass === undefined) {
        const names = Array.from(texts.keys())
        const near = nearest(className, names)
        throw mistake(
          `${name} has no class "${className}": ${near === undefined ? "use" : `did you mean "${near}"? Use`} one of ` +
            names.join(", ")
        )
      }
      refuseUnless(isRecord(profile), `${name} must have options for "${className}", like {"ttl":"10m"}`)
      for (const [option, value] of Object.entries(profile)) {
        if (!options.has(option)) {
          throw mistake(`${name} has for "${className}" ${noOption(option, Array.from(options.keys()))}`)
        }
        const what = `${option} of "${className}" in ${name}`
        refuseUnless(["string", "number", "boolean"].includes(typeof value), `${what} must be a text or a number`)
        ofClass.set(option, { what, text: String(value) })
      }
    }
  })
})

const profileOf = async (
  name: string,
  texts: ReadonlyMap<string, { readonly what: string; readonly text: string }>
): Promise<CacheProfiles.InitialProfile> => {
  const values: Record<string, unknown> = {}
  for (const [option, { text, what }] of texts) values[option] = read(what, text, options.get(option)!)
  const { compress, format, ...profile } = values as Format & CacheProfiles.Profile
  refuseUnless(
    compress === undefined || format !== undefined,
    `The profile of "${name}" has compress without format: name the format that is compressed, like json`
  )
  return format === undefined ? profile : { ...profile, serializer: await serializerOf(format, compress) }
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, CacheConfigError> =>
  Effect.catch(
    Effect.tryPromise({ try: run, catch: (thrown) => thrown }),
    (thrown) => thrown instanceof CacheConfigError ? Effect.fail(thrown) : Effect.die(thrown)
  )
