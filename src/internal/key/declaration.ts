/** Canonical text for declared types: types of Effect and the platform, classes, and types with their own codec. */
import type * as BigDecimal from "effect/BigDecimal"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type * as SchemaRepresentation from "effect/SchemaRepresentation"
import type * as SchemaTransformation from "effect/SchemaTransformation"
import { toBase64Url } from "../codec/bytes.ts"
import * as EffectTypes from "../effect.ts"
import { type Canonical, type Compile, Mismatch, Refused, string, word } from "./text.ts"

type Make = (parameters: ReadonlyArray<Canonical>, ast: SchemaAST.Declaration) => Canonical

export const declaration = (ast: SchemaAST.Declaration, compile: Compile): Canonical => {
  const id = representation(ast)?.id ?? ""
  const refusal = ownOf(refused, id)
  if (refusal !== undefined) throw new Refused(refusal)
  const make = ownOf(known, id)
  if (make !== undefined) return make(ast.typeParameters.map(compile), ast)
  return isClass(ast) ? instances(ast, compile) : encoded(ast, compile)
}

/** Looks up only own properties, because a type may be called `constructor`. */
const ownOf = <A>(table: Record<string, A>, id: string): A | undefined =>
  Object.hasOwn(table, id) ? table[id] : undefined

export const representation = (ast: SchemaAST.Declaration): SchemaRepresentation.RepresentationAnnotation | undefined =>
  ast.annotations?.["representation"] as SchemaRepresentation.RepresentationAnnotation | undefined

/** Whether a declaration is a class. Effect annotates classes with `~constructor` and gives them no representation. */
export const isClass = (ast: SchemaAST.Declaration): boolean => typeof ast.annotations?.["~constructor"] === "function"

const refused: Record<string, string> = {
  "effect/schema/Redacted": "a secret must not be part of an id: list the field in `ignore`",
  "effect/schema/File": "the content of a file cannot be read synchronously",
  "effect/schema/FormData": "the content of form data cannot be read synchronously",
  "effect/schema/Error": "an error has no canonical form"
}

// The following types have their own canonical text, for speed or because equal values may differ internally.

const leaf = <A>(is: (value: unknown) => value is A, expected: string, text: (value: A) => string): Canonical => ({
  is,
  encode: (value) => {
    if (!is(value)) throw new Mismatch(expected, value)
    return text(value)
  },
  primitive: false
})

const isInstance = <A>(constructor: abstract new(...args: any) => A) => (value: unknown): value is A =>
  value instanceof constructor

const zone = (timeZone: DateTime.TimeZone): string =>
  timeZone._tag === "Named" ? string(timeZone.id) : word(timeZone.offset)

const duration = (value: Duration.Duration): string =>
  Duration.isFinite(value) ? word(Duration.toNanosUnsafe(value)) : word(Duration.toMillis(value))

/** Omits trailing zeros, because equal decimals may have different numbers of them. */
const decimal = ({ scale, value }: BigDecimal.BigDecimal): string => {
  if (value === 0n) return `(${word(0n)}${word(0)})`
  const digits = String(value)
  const short = digits.replace(/0+$/, "")
  return `(${word(BigInt(short))}${word(scale - (digits.length - short.length))})`
}

const unordered = (
  is: (value: unknown) => value is Iterable<unknown>,
  expected: string,
  item: Pick<Canonical, "is" | "encode">
): Canonical => ({
  is: (value) => is(value) && Array.from(value).every(item.is),
  encode: (value) => {
    if (!is(value)) throw new Mismatch(expected, value)
    return `[${Array.from(value, item.encode).sort().join("")}]`
  },
  primitive: false
})

const set = (is: (value: unknown) => value is Iterable<unknown>, expected: string): Make => ([item]) =>
  unordered(is, expected, item!)

const map = (is: (value: unknown) => value is Iterable<unknown>, expected: string): Make => ([key, value]) =>
  unordered(is, expected, {
    is: (entry) => key!.is((entry as [unknown, unknown])[0]) && value!.is((entry as [unknown, unknown])[1]),
    encode: (entry) => key!.encode((entry as [unknown, unknown])[0]) + value!.encode((entry as [unknown, unknown])[1])
  })

const chunk: Make = ([item]) => ({
  is: (value) => EffectTypes.isChunk(value) && Array.from(value).every(item!.is),
  encode: (value) => {
    if (!EffectTypes.isChunk(value)) throw new Mismatch("a Chunk", value)
    return `[${Array.from(value, item!.encode).join("")}]`
  },
  primitive: false
})

const option: Make = ([item]) => ({
  is: (value) => Option.isOption(value) && (Option.isNone(value) || item!.is(value.value)),
  encode: (value) => {
    if (!Option.isOption(value)) throw new Mismatch("an Option", value)
    return Option.isNone(value) ? "none," : `(${item!.encode(value.value)})`
  },
  primitive: false
})

const result: Make = ([success, failure]) => ({
  is: (value) =>
    Result.isResult(value) && (Result.isSuccess(value) ? success!.is(value.success) : failure!.is(value.failure)),
  encode: (value) => {
    if (!Result.isResult(value)) throw new Mismatch("a Result", value)
    return Result.isSuccess(value) ? `(0,${success!.encode(value.success)})` : `(1,${failure!.encode(value.failure)})`
  },
  primitive: false
})

const json = (value: Schema.Json): string => {
  if (value === null || typeof value !== "object") return word(value)
  if (Array.isArray(value)) return `[${value.map(json).join("")}]`
  const object = value as { readonly [key: string]: Schema.Json }
  return `{${Object.keys(object).sort().map((key) => string(key) + json(object[key]!)).join("")}}`
}

const known: Record<string, Make> = {
  "effect/schema/Date": () => leaf(isInstance(Date), "a Date", (value) => word(value.getTime())),
  "effect/schema/URL": () => leaf(isInstance(URL), "a URL", (value) => string(value.href)),
  "effect/schema/RegExp": () =>
    leaf(
      isInstance(RegExp),
      "a RegExp",
      (value) => `(${string(value.source)}${string(value.flags)})`
    ),
  "effect/schema/Uint8Array": () => leaf(isInstance(Uint8Array), "a Uint8Array", (value) => string(toBase64Url(value))),
  "effect/schema/Duration": () => leaf(Duration.isDuration, "a Duration", duration),
  "effect/schema/BigDecimal": () => leaf(EffectTypes.isBigDecimal, "a BigDecimal", decimal),
  "effect/schema/DateTimeUtc": () =>
    leaf(EffectTypes.isUtc, "a DateTime.Utc", (value) => word(value.epochMilliseconds)),
  "effect/schema/DateTimeZoned": () =>
    leaf(
      EffectTypes.isZoned,
      "a DateTime.Zoned",
      (value) => `(${word(value.epochMilliseconds)}${zone(value.zone)})`
    ),
  "effect/schema/TimeZone": () => leaf(EffectTypes.isTimeZone, "a TimeZone", zone),
  "effect/schema/TimeZoneNamed": () => leaf(EffectTypes.isTimeZoneNamed, "a TimeZone.Named", zone),
  "effect/schema/TimeZoneOffset": () => leaf(EffectTypes.isTimeZoneOffset, "a TimeZone.Offset", zone),
  // Validates with the declaration's own schema, because naming `Schema.Json` would load that schema in every program.
  "effect/schema/Json": (_, ast) => leaf(SchemaParser.is(Schema.make<typeof Schema.Json>(ast)), "JSON", json),
  "effect/schema/Option": option,
  "effect/schema/Result": result,
  "effect/schema/Chunk": chunk,
  "effect/schema/ReadonlySet": set(isInstance(Set), "a Set"),
  "effect/schema/HashSet": set(EffectTypes.isHashSet, "a HashSet"),
  "effect/schema/ReadonlyMap": map(isInstance(Map), "a Map"),
  "effect/schema/HashMap": map(EffectTypes.isHashMap, "a HashMap")
}

interface ClassDescriptor {
  readonly isConstructed: (value: unknown) => boolean
}

const instances = (ast: SchemaAST.Declaration, compile: Compile): Canonical => {
  const describe = ast.annotations!["~constructor"] as (parameters: ReadonlyArray<SchemaAST.AST>) => ClassDescriptor
  const { isConstructed } = describe(ast.typeParameters)
  const fields = compile(ast.typeParameters[0]!)
  return {
    is: (value) => isConstructed(value) && fields.is(value),
    encode: (value) => {
      if (!isConstructed(value)) throw new Mismatch("an instance of its class", value)
      return fields.encode(value)
    },
    primitive: false
  }
}

type GetLink = (parameters: ReadonlyArray<Schema.Top>) => SchemaAST.Link | undefined

/** Writes a value of any other declared type as the type's codec encodes it. */
const encoded = (ast: SchemaAST.Declaration, compile: Compile): Canonical => {
  const getLink = (ast.annotations?.["toCodecJson"] ?? ast.annotations?.["toCodec"]) as GetLink | undefined
  const link = getLink?.(ast.typeParameters.map((parameter) => Schema.make(parameter)))
  if (link === undefined) throw new Refused("a declared type without codec: annotate it with `toCodecJson`")
  const bare = new SchemaAST.Declaration(ast.typeParameters, ast.run, ast.annotations)
  const transformation = link.transformation as SchemaTransformation.Transformation<unknown, unknown>
  const codec = SchemaAST.decodeTo(link.to, bare, transformation)
  const is = SchemaParser.is(Schema.make(bare))
  const toEncoded = SchemaParser.encodeUnknownSync(Schema.make<Schema.Codec<unknown, unknown>>(codec))
  const text = compile(SchemaAST.toEncoded(link.to))
  return {
    is,
    encode: (value) => {
      if (!is(value)) throw new Mismatch("a value of the declared type", value)
      return text.encode(toEncoded(value))
    },
    primitive: false
  }
}
