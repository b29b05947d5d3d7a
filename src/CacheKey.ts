/**
 * Keys: the names of cached results.
 *
 * A key class declares the fields that identify a result, and the type of the result. If the fields or the type change,
 * the keys change too, so a program never misreads values stored by an older version. A plain `string` is also a key.
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
import type { Checked, FormattersOf, Holes, References } from "./internal/key/template/holes.ts"
import { make as makeTemplate } from "./internal/key/template/make.ts"
import { mistake, refuseUnless } from "./internal/options/options.ts"
import type { Serializer } from "./ports/serializer.ts"
import type * as Ttl from "./Ttl.ts"

/**
 * A key: the name of a cached result, which is a value of type `A` or a failure of type `E`. `R` is the type of the
 * services that the codecs for the value and the failure need. The names of a key's own members begin with `~`, so they
 * cannot collide with the fields of the payload. Read the id with {@link id}.
 * @category models
 * @since 0.1.0
 */
export interface CacheKey<out A, out E = never, out R = never> extends PrimaryKey.PrimaryKey {
  readonly "~effect-cached/CacheKey": Types<A, E, R>
  readonly "~id": string
  readonly "~tags": ReadonlyArray<string>
  readonly "~class": KeyInfo
}

/** The type parameters of a key. They exist only for the compiler. @internal */
export interface Types<out A, out E, out R> {
  readonly _A: (_: never) => A
  readonly _E: (_: never) => E
  readonly _R: (_: never) => R
  // A method, because a property with a function type would make `A` invariant.
  _takes(value: A): void
}

/**
 * A key of any class.
 * @category models
 * @since 0.1.0
 */
export type Any = CacheKey<any, any, any>

/**
 * The type of a key's value.
 * @category utility types
 * @since 0.1.0
 */
export type Success<K> = K extends CacheKey<infer A, any, any> ? A : never

/**
 * The type of a key's failure. `never` if the key's class declares no error.
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
  /** The schema of the payload: a struct of the fields. */
  readonly payload: Schema.Struct<Fields>
  readonly success: S
  /** The schema of the failures. `Schema.Never` if the class declares none. */
  readonly error: E
  /** Validates and decodes unknown input, such as the parameters of an HTTP request, into a key. */
  readonly decode: (
    input: unknown,
    options?: SchemaAST.ParseOptions
  ) => Effect.Effect<Self, Schema.SchemaError, Schema.Struct<Fields>["DecodingServices"]>
}

/**
 * Any class of keys, for generic functions that take a key class. With `C extends AnyClass`, the type of a key is
 * `InstanceType<C>`, and the constructor's parameter is `Input<C>` (see {@link Input}).
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
 * The arguments of a function that takes a payload. The payload is optional if none of its fields is required.
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
 * The indexes that a key class may declare: single fields of the payload, or combinations of fields.
 * @category utility types
 * @since 0.1.0
 */
export type Indexes<Fields> = ReadonlyArray<keyof Fields | ReadonlyArray<keyof Fields>>

/**
 * Options for {@link Class}.
 * @category options
 * @since 0.1.0
 */
interface Options<
  Fields extends Schema.Struct.Fields,
  S extends Schema.Constraint,
  E extends Schema.Constraint,
  I extends Indexes<NoInfer<Fields>> = Indexes<NoInfer<Fields>>
> {
  /** The fields that identify a result. @default none: the class has a single key */
  readonly payload?: Fields | undefined
  /** The schema of the result. */
  readonly success: S
  /** The schema of the failures that a store may keep. @default none: cached failures stay in memory */
  readonly error?: E | undefined
  /** Fields that the load may use but that do not identify the result, such as a trace id or a credential. */
  readonly ignore?: ReadonlyArray<keyof NoInfer<Fields>> | undefined
  /** A text that is hashed into every id of the class. Change it when results change in a way that no schema shows. */
  readonly version?: string | undefined
  /** Tags of every key of this class: a list, or a function of the payload. */
  readonly tags?:
    | ReadonlyArray<string>
    | ((payload: Schema.Struct<NoInfer<Fields>>["Type"]) => ReadonlyArray<string>)
    | undefined
  /** The indexes: fields or combinations of fields. Keys with equal values in an index can be invalidated together. */
  readonly indexes?: I | undefined
  /** A `CacheKey.template` for readable ids from all fields not in `ignore`. @default the payload's canonical text */
  readonly id?: Template<Schema.Struct<NoInfer<Fields>>["Type"]> | undefined
  /**
   * The format of stored results. The wrappers of the cache's serializer, such as `Encrypted`, stay around it.
   * @default the cache's serializer
   */
  readonly serializer?: Serializer | undefined
  /**
   * How long a load may take while readers without a `timeout` wait for it (see `ReadOptions`). A read may override it.
   * @default the layer's `maxLoad`
   */
  readonly maxLoad?: Ttl.Input | undefined
  /**
   * `true` skips the check that a value of an ambiguous union decodes to itself before it is stored.
   * @default `false`
   */
  readonly unambiguous?: boolean | undefined
}

/**
 * Creates a class of keys.
 *
 * **When to use**
 *
 * Use for keys with several fields, and for values stored outside the process, which the schema validates on reads.
 *
 * **Details**
 *
 * - The id of a key is `~Name@fingerprint:payload`. The *fingerprint* is a hash of the schemas of payload, success and
 *   error, so changing the structure of a schema produces new keys. The *payload* is a canonical text: equal values
 *   have equal texts and different values have different texts. The order of fields and the order within records, sets
 *   and maps do not matter. If an id exceeds 200 bytes of UTF-8, the payload is hashed (SHA-256).
 * - The constructor normalizes fields with their schemas: if the schema lower-cases a field, `"ADA"` and `"ada"` make
 *   the same key. `decode` also validates.
 * - A key is also a `PrimaryKey`, a `Persistable` and a `Request`. Keys with the same id are equal (`Equal`, `Hash`).
 *
 * **Gotchas**
 *
 * - Logic inside filters and transformations is not part of the fingerprint. Change `version` when that logic changes.
 * - Two classes with the same name, shape and version have the same ids, so they share their entries. The cache then
 *   logs a warning. If a hot reload defines a class again, the new class replaces the old one.
 * - The definition throws a `CacheConfigError` for an invalid name, an unknown option or field, or a field that cannot
 *   be in an id (`Schema.Unknown`, `Redacted`, …). For a declared type without the annotation `representation`, it also
 *   throws unless the class has a `version`. Reading the id throws if a value does not fit its field.
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
 * ```
 *
 * @see {@link template} for ids that people can read
 * @category constructors
 * @since 0.1.0
 */
export const Class = <Self = never>(...none: []): CalledOnce<Self> => {
  refuseUnless(
    none.length === 0,
    "CacheKey.Class must be called twice, like extends CacheKey.Class<User>()(\"User\", { … })"
  )
  return (name, options) => define(name, options) as never
}

/** The compiler names this interface if the second call is missing. */
interface CalledOnce<Self> {
  <
    const Name extends string,
    S extends Schema.Constraint,
    const Fields extends Schema.Struct.Fields = {},
    E extends Schema.Constraint = Schema.Never,
    const I extends Indexes<NoInfer<Fields>> = readonly []
  >(
    name: Name,
    options: Options<Fields, S, E, I>
  ): [Self] extends [never] ? MissingSelf : KeyClass<Self, Name, Fields, S, E, I>
}

/**
 * A key template, which formats a payload as a string key, a tag, or the id of a class instance.
 * @category models
 * @since 0.1.0
 */
export interface Template<in Payload> {
  (payload: Payload): string
}

/**
 * Like {@link Template}, for a template that also reads the context.
 * @category models
 * @since 0.1.0
 */
export interface ContextTemplate<in Payload> {
  (payload: Payload): Effect.Effect<string>
}

/**
 * A key template that makes tags from the payload and the result, for the option `tags` of a read. A list in the result
 * makes one tag for each element. A failure, `null` or `undefined` makes none.
 * @category models
 * @since 0.1.0
 */
export interface ResultTemplate<in Payload, in Result> {
  (exit: Exit.Exit<Result, unknown>, payload: Payload): ReadonlyArray<string>
}

/**
 * Like {@link ResultTemplate}, for a template that also reads the context.
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
interface TemplateOptions<
  S extends Schema.Constraint = never,
  Refs extends References = {},
  Formatters = {}
> {
  /**
   * If `true`, payloads that formatters turn into the same text share a key.
   * @default `false`: the text ends with a digest of the information that formatters lose
   */
  readonly lossy?: boolean | undefined
  /** Whether the tokens that `jwt` reads are verified. Required with `lossy`: tokens can be forged. @default `false` */
  readonly verified?: boolean | undefined
  /** Functions from values to strings. `{ format, injective: true }` declares that no two values give the same text. */
  readonly formatters?: FormattersOf<Formatters> | undefined
  /** The context references that placeholders like `{@tenant}` read. */
  readonly context?: Refs | undefined
  /** The schema of the result, which placeholders like `{result.owner}` in tags read. */
  readonly result?: S | undefined
}

/**
 * Creates a function that fills the placeholders of a text from a payload, for string keys, ids of a class, or tags.
 *
 * **When to use**
 *
 * Use if people or programs read the ids, for example in patterns or in a store shared with another cache.
 *
 * **Details**
 *
 * - `{id}` and `{user.team.id}` insert a string, number, boolean, bigint, `null` (as `%-`) or `undefined` (`%_`). All
 *   characters except A-Z, a-z, 0-9 and `. _ -` are percent-encoded, so different values have different texts.
 * - `{name:lower}` applies a formatter: `lower`, `upper`, `length`, `hash` (`hash(8)` for 8 characters), `jwt(sub)` (a
 *   claim of a token), or your own. Unless the template is `lossy`, the text ends with a digest of the lost details.
 * - `{@tenant}` inserts the value of a context reference. The created function then returns an `Effect`.
 * - `{result.owner}` inserts a part of the result, for the option `tags` of a read.
 * - Two placeholders need a text between them that begins with a character that no value contains, like `:`. Otherwise
 *   `template` throws a `CacheConfigError`. An unknown field or formatter is a type error, and throws at run time.
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
 * Creates a `version` for a key class from the source text of functions, so changing a function produces new keys.
 *
 * **When to use**
 *
 * Use if a small pure function alone determines a result.
 *
 * **Gotchas**
 *
 * - Only the source text counts. Values that a function captures do not count, nor do functions that it calls, unless
 *   you also pass them. A build tool that rewrites source text may change the version with every build.
 * - A function without source text (built-in or bound) makes `codeOf` throw a `CacheConfigError`.
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
 * Gets the id under which a key's result is stored. A string key is its own id, except that a leading `~` is doubled,
 * so that its id never equals the id of a class's key. A string of over 200 bytes of UTF-8 is hashed.
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
