/**
 * Keys: the names of cached results.
 *
 * A key class declares what identifies a result, and the result's type. A change of either makes new keys, so values
 * stored by an older version of a program are never misread. A plain `string` is a key too.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Persistable from "effect/persistence/Persistable"
import type * as PrimaryKey from "effect/PrimaryKey"
import type * as Request from "effect/Request"
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import { define } from "./internal/key/define.ts"
import { idOfString, shortDigest } from "./internal/key/id.ts"
import type { KeyInfo } from "./internal/key/info.ts"
import { isKey } from "./internal/key/isKey.ts"
import type { Checked, FormattersOf, Holes, References } from "./internal/key/template/holes.ts"
import { make as makeTemplate } from "./internal/key/template/make.ts"
import { mistake, refuseUnless } from "./internal/options/options.ts"

/**
 * A key: the name of a cached result, which is a value of type `A` or a failure of type `E`. `R` are the services that
 * their codecs need. The members of a key have names that begin with `~`, so every other name is free for the payload:
 * read them with {@link id} and {@link tags}.
 * @category models
 * @since 0.1.0
 */
export interface CacheKey<out A, out E = never, out R = never> extends PrimaryKey.PrimaryKey {
  readonly "~effect-cached/CacheKey": Types<A, E, R>
  readonly "~id": string
  readonly "~tags": ReadonlyArray<string>
  readonly "~class": KeyInfo
}

/** The types that a key names. @internal */
export interface Types<out A, out E, out R> {
  readonly _A: (_: never) => A
  readonly _E: (_: never) => E
  readonly _R: (_: never) => R
  // A method, because these do not make the type invariant.
  _takes(value: A): void
}

/**
 * A key of any class.
 * @category models
 * @since 0.1.0
 */
export type Any = CacheKey<any, any, any>

/**
 * The type of the values that a key names.
 * @category utility types
 * @since 0.1.0
 */
export type Success<K> = K extends CacheKey<infer A, any, any> ? A : never

/**
 * The type of the failures that a key names, `never` if its class declares no error.
 * @category utility types
 * @since 0.1.0
 */
export type Error<K> = K extends CacheKey<any, infer E, any> ? E : never

/**
 * The services that the codecs of a key's value and failure need.
 * @category utility types
 * @since 0.1.0
 */
export type Services<K> = K extends CacheKey<any, any, infer R> ? R : never

/**
 * A class of keys, made by {@link Class}.
 * @category models
 * @since 0.1.0
 */
export interface KeyClass<
  Self,
  Name extends string,
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint,
  I extends Indexes<Fields> = readonly []
> {
  new(...args: Arguments<Schema.Struct<Fields>["~type.make.in"]>):
    & Schema.Struct<Fields>["Type"]
    & CacheKey<S["Type"], E["Type"], CodecServices<S, E>>
    & Persistable.Persistable<S, E>
    & Request.Request<S["Type"], E["Type"], CodecServices<S, E>>
  /** The constructor's parameter type. Exists only for the compiler. */
  readonly "~type.make.in": Schema.Struct<Fields>["~type.make.in"]
  /** The declared indexes. Exists only for the compiler. */
  readonly "~indexes": I
  readonly keyName: Name
  /** The struct of the fields. */
  readonly payload: Schema.Struct<Fields>
  readonly success: S
  /** The schema of the failures, `Schema.Never` if the class declares none. */
  readonly error: E
  /** Validates and decodes unknown input, such as the parameters of an HTTP request, into a key. */
  readonly decode: (
    input: unknown,
    options?: SchemaAST.ParseOptions
  ) => Effect.Effect<Self, Schema.SchemaError, Schema.Struct<Fields>["DecodingServices"]>
}

/**
 * Any class of keys, for functions that take one. With `C extends AnyClass`, the key is `InstanceType<C>`, and its
 * constructor takes {@link Input} of `C`.
 * @category models
 * @since 0.1.0
 */
export interface AnyClass {
  new(...args: any): Any
  readonly "~type.make.in": unknown
  readonly "~indexes": ReadonlyArray<PropertyKey | ReadonlyArray<PropertyKey>>
  readonly keyName: string
  readonly payload: Schema.Constraint
  readonly success: Schema.Constraint
  readonly error: Schema.Constraint
}

/**
 * The constructor's parameter type of a key class.
 * @category utility types
 * @since 0.1.0
 */
export type Input<C extends AnyClass> = C["~type.make.in"]

/**
 * The arguments of a function that takes a payload, optional if no field is required.
 * @category utility types
 * @since 0.1.0
 */
export type Arguments<In> = {} extends In ? [payload?: In] : [payload: In]

type CodecServices<S extends Schema.Constraint, E extends Schema.Constraint> =
  | S["DecodingServices"]
  | S["EncodingServices"]
  | E["DecodingServices"]
  | E["EncodingServices"]

/**
 * The indexes that a key class may declare: fields of its payload, and combinations of fields.
 * @category utility types
 * @since 0.1.0
 */
export type Indexes<Fields> = ReadonlyArray<keyof Fields | ReadonlyArray<keyof Fields>>

/**
 * Options for {@link Class}.
 * @category options
 * @since 0.1.0
 */
export interface Options<
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint,
  I extends Indexes<NoInfer<Fields>> = Indexes<NoInfer<Fields>>
> {
  /** The fields that identify a result. @default none: there is one result */
  readonly payload?: Fields | undefined
  /** The schema of the result. */
  readonly success: S
  /** The schema of the failures that may be stored. @default none: a stored failure stays in memory */
  readonly error?: E | undefined
  /** Fields that the load may use but that do not identify the result, such as a trace id or a credential. */
  readonly ignore?: ReadonlyArray<keyof NoInfer<Fields>> | undefined
  /** Part of the fingerprint: change it when results change in a way that no schema shows. */
  readonly version?: string | undefined
  /** Tags of every key of this class: a list, or a function of the payload. */
  readonly tags?:
    | ReadonlyArray<string>
    | ((payload: Schema.Struct<NoInfer<Fields>>["Type"]) => ReadonlyArray<string>)
    | undefined
  /** The fields, and combinations of fields, by whose values keys of this class can be invalidated together. */
  readonly indexes?: I | undefined
  /**
   * Writes the payload in the ids of the class readably: a `CacheKey.template` that names all its fields.
   * @default the canonical text of the payload
   */
  readonly id?: Template<Schema.Struct<NoInfer<Fields>>["Type"]> | undefined
}

/**
 * Creates a class of keys.
 *
 * **When to use**
 *
 * Use for keys of several fields, and for values that are stored outside the process: the schema decodes them.
 *
 * **Details**
 *
 * - The id of a key is `~Name@fingerprint:payload`. The *fingerprint* is a hash of the structure of payload, success
 *   and error: a change that shows in a schema makes new keys. In the *payload*, equal values have the same text and
 *   different values have different ones, regardless of the order of fields, records, sets and maps. Ids over 200 bytes
 *   of UTF-8 are hashed (SHA-256).
 * - The constructor normalizes a key by its schema: `"ADA"` and `"ada"` are one key if a field is lower-cased. `decode`
 *   also validates.
 * - The class is also a `PrimaryKey`, a `Persistable` and a `Request`, with `Equal` and `Hash` by id.
 *
 * **Gotchas**
 *
 * - Logic inside filters and transformations does not show in the fingerprint. Change `version` with it.
 * - Two classes with the same name, shape and version have the same ids, and share their entries, with a warning. A
 *   class made again by a hot reload replaces the former one.
 * - The definition throws a `CacheConfigError` for an ambiguous name, an unknown option or field, a field that cannot
 *   be in an id (`Schema.Unknown`, `Redacted`, …), and a declared type without representation if there is no `version`.
 *   Reading the id throws one for a value that does not fit its field.
 *
 * **Example** (Defining a key class)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey } from "effect-cached"
 *
 * class Weather extends CacheKey.Class<Weather>()("Weather", {
 *   payload: { city: Schema.String, days: Schema.Int },
 *   success: Schema.Struct({ celsius: Schema.Number }),
 *   indexes: ["city", ["city", "days"]]
 * }) {}
 * CacheKey.id(new Weather({ city: "Berlin", days: 3 })) // => "~Weather@gzqw-M-u:6:Berlin3,"
 * CacheKey.tags(new Weather({ city: "Berlin", days: 3 })) // => ["~Weather:city=6:Berlin", "~Weather:~4:city4:days=6:Berlin3,"]
 * ```
 *
 * @see {@link template} for ids that people read
 * @category constructors
 * @since 0.1.0
 */
export const Class = <Self = never>(...none: []) => {
  refuseUnless(
    none.length === 0,
    "CacheKey.Class must be called twice, like extends CacheKey.Class<User>()(\"User\", { … })"
  )
  return <
    const Name extends string,
    S extends Schema.Constraint,
    const Fields extends Schema.Struct.Fields = {},
    E extends Schema.Constraint = Schema.Never,
    const I extends Indexes<NoInfer<Fields>> = readonly []
  >(
    name: Name,
    options: Options<Fields, S, E, I>
  ): [Self] extends [never] ? MissingSelf : KeyClass<Self, Name, Fields, S, E, I> => define(name, options) as never
}

/**
 * A key template of a payload.
 * @category models
 * @since 0.1.0
 */
export interface Template<in Payload> {
  (payload: Payload): string
}

/**
 * A key template of a payload that reads the context.
 * @category models
 * @since 0.1.0
 */
export interface ContextTemplate<in Payload> {
  (payload: Payload): Effect.Effect<string>
}

/**
 * A key template of payload and result, for the option `tags` of a read: one tag for each element of a list, and none
 * for a failure or a value that is `null` or `undefined`.
 * @category models
 * @since 0.1.0
 */
export interface ResultTemplate<in Payload, in Result> {
  (exit: Exit.Exit<Result, unknown>, payload: Payload): ReadonlyArray<string>
}

/**
 * Like {@link ResultTemplate}, for a template that reads the context too.
 * @category models
 * @since 0.1.0
 */
export interface ContextResultTemplate<in Payload, in Result> {
  (exit: Exit.Exit<Result, unknown>, payload: Payload): Effect.Effect<ReadonlyArray<string>>
}

type TemplateOf<Text extends string, Payload, Result> = [Extract<Holes<Text>, `@${string}`>] extends [never]
  ? [Result] extends [never] ? Template<Payload> : ResultTemplate<Payload, Result>
  : [Result] extends [never] ? ContextTemplate<Payload>
  : ContextResultTemplate<Payload, Result>

/**
 * Options for {@link template}.
 * @category options
 * @since 0.1.0
 */
export interface TemplateOptions<
  S extends Schema.Constraint = never,
  Refs extends References = {},
  Formatters = {}
> {
  /**
   * `true`: payloads that a formatter makes equal are intentionally one key.
   * @default `false`: a digest of the information lost by a formatter is added
   */
  readonly lossy?: boolean | undefined
  /** `true`: the tokens that `jwt` reads are verified, as `lossy` requires: others can be forged. @default `false` */
  readonly verified?: boolean | undefined
  /** Functions that return a string, or `{ format, injective: true }` if no two values look alike. */
  readonly formatters?: FormattersOf<Formatters> | undefined
  /** References of the context, for placeholders like `{@tenant}`. */
  readonly context?: Refs | undefined
  /** The schema of the result, for placeholders like `{result.owner}` in tags. */
  readonly result?: S | undefined
}

/**
 * Creates a function that formats a payload by a text with placeholders: a string key, the ids of a class, or a tag.
 *
 * **When to use**
 *
 * Use if people or other programs read ids, as with patterns or in a store shared with another cache.
 *
 * **Details**
 *
 * - `{id}` and `{user.team.id}` show a value that is a string, number, boolean, bigint, `null` (`%-`) or `undefined`
 *   (`%_`). Everything but letters, digits and `. _ -` is percent-encoded, so different values have different texts.
 * - `{name:lower}`, `upper`, `length`, `hash` (`hash(8)`: its first 8 characters), `jwt(sub)` (a claim of a token), and
 *   custom formatters. The information they lose is added at the end as a digest, unless the template is `lossy`.
 * - `{@tenant}` shows a reference of the context. The function then returns an `Effect`.
 * - `{result.owner}` shows a part of the result: such a template is the option `tags` of a read.
 * - Adjacent placeholders, or ones separated by a text that a value may contain, throw a `CacheConfigError`. So does an
 *   unknown field or formatter, which does not compile either.
 *
 * **Example** (Readable keys)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey } from "effect-cached"
 *
 * const key = CacheKey.template("user:{id}:{city}", { id: Schema.Int, city: Schema.String })
 * key({ id: 1, city: "New York" }) // => "user:1:New%20York"
 * ```
 *
 * @see {@link Class} for keys with a schema
 * @category constructors
 * @since 0.1.0
 */
export const template = <
  const Text extends string,
  const Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint = never,
  const Refs extends References = {},
  Formatters = {}
>(
  text: Checked<Text, Schema.Struct.Type<Fields>, S["Type"], Refs, FormattersOf<Formatters>>,
  fields: Fields,
  options?: TemplateOptions<S, Refs, Formatters>
): TemplateOf<Text, Schema.Struct.Type<Fields>, S["Type"]> => makeTemplate(text, fields, options as never) as never

type MissingSelf = `Missing \`Self\` generic - use \`class Self extends CacheKey.Class<Self>()(...)\``

/**
 * Creates a `version` of a key class from the source text of functions: a change of a function makes new keys.
 *
 * **When to use**
 *
 * Use if a small pure function alone determines a result.
 *
 * **Gotchas**
 *
 * - Only the text counts: not the values that a function captures, nor the functions that it calls, unless they are
 *   listed too. A build tool that rewrites source may change the string with every build.
 * - Functions without source text (built-in and bound ones) throw a `CacheConfigError`.
 *
 * **Example** (Making a version from a function)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey } from "effect-cached"
 *
 * const score = (words: number) => words * 2
 * class Score extends CacheKey.Class<Score>()("Score", { success: Schema.Int, version: CacheKey.codeOf(score) }) {}
 * CacheKey.codeOf(score) === CacheKey.codeOf((words: number) => words * 3) // => false
 * ```
 *
 * @see {@link Class} for the option `version`
 * @category constructors
 * @since 0.1.0
 */
export const codeOf = (...functions: readonly [AnyFunction, ...Array<AnyFunction>]): string => {
  const sources = functions.map((fn) => {
    const source = Function.prototype.toString.call(fn)
    if (/\{\s*\[native code\]\s*\}$/.test(source)) {
      throw mistake(
        `The function "${fn.name}" has no source text: pass CacheKey.codeOf one that is neither built-in nor bound`
      )
    }
    return source
  })
  return shortDigest(JSON.stringify(sources))
}

type AnyFunction = (...args: ReadonlyArray<never>) => unknown

/**
 * Checks whether a value is an instance of a key class.
 *
 * **Example** (Telling keys from other values)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey } from "effect-cached"
 *
 * class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
 * CacheKey.isCacheKey(new User({ id: 1 })) // => true
 * CacheKey.isCacheKey("user:1") // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isCacheKey = (u: unknown): u is Any => isKey(u)

/**
 * Gets the id under which the result of a key is stored. A string is its own id. A string that begins with `~` gets one
 * more `~`, so it never equals the id of a class's key.
 *
 * **Example** (Reading ids)
 *
 * ```ts
 * import { CacheKey } from "effect-cached"
 *
 * CacheKey.id("user:1") // => "user:1"
 * CacheKey.id("~user:1") // => "~~user:1"
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const id = (key: Any | string): string => typeof key === "string" ? idOfString(key) : key["~id"]

/**
 * Gets the tags that the class of a key declares for it, those of its indexes first. A string key has none. They are
 * escaped as in the cache: a user's tag that begins with `~` has one more `~`.
 *
 * **Example** (Reading tags)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey } from "effect-cached"
 *
 * const [payload, success] = [{ id: Schema.Int }, Schema.String]
 * class User extends CacheKey.Class<User>()("User", { payload, success, tags: ({ id }) => [`user:${id}`, "users"] }) {}
 * CacheKey.tags(new User({ id: 1 })) // => ["user:1", "users"]
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const tags = (key: Any | string): ReadonlyArray<string> => typeof key === "string" ? [] : key["~tags"]
