/** Checks values before they are stored: whether they are decoded to the same, and whether all their fields are. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { SerializerError } from "../../CacheError.ts"
import type { Codec } from "../../ports/serializer.ts"
import { undeclaredSamples } from "../defaults/bounds.ts"
import { makeLossy } from "../key/canonical.ts"
import { isAmbiguous } from "./ambiguous.ts"
import { closeParts } from "./openParts.ts"
import { placeOf } from "./place.ts"
import { fault } from "./throughSchema.ts"

type Check = (value: unknown) => Effect.Effect<void, SerializerError, any>
type AnySchema = Schema.Codec<unknown, any, any, any>
type Path = ReadonlyArray<PropertyKey>

/** The checks by their codecs. Not part of a codec, because wrappers and tables are found by the codec itself. */
const checks = new WeakMap<object, Check>()

interface Options {
  readonly serializer: string
  readonly unambiguous: boolean
  readonly onUndeclared: (place: string) => void
}

/** Makes `encode` check the values of a codec. */
export const checking = (codec: Codec<unknown, any>, schema: AnySchema, options: Options): Codec<unknown, any> => {
  const compared = options.unambiguous || !isAmbiguous(schema) ? undefined : comparing(schema, options.serializer)
  let left = undeclaredSamples
  checks.set(codec, (value) => {
    if (left-- > 0) {
      const path = undeclaredIn(schema.ast, value)
      if (path !== undefined) {
        left = 0
        options.onUndeclared(placeOf(path))
      }
    }
    return compared === undefined ? Exit.void : compared(value)
  })
  return codec
}

/** Runs the check of a codec, if there is one, and then encodes. */
export const checked = <A, R>(
  codec: object,
  value: unknown,
  encode: () => Effect.Effect<A, SerializerError, R>
): Effect.Effect<A, SerializerError, R> => {
  const check = checks.get(codec)
  return check === undefined ? encode() : Effect.flatMapEager(check(value), encode)
}

const comparing = (schema: AnySchema, serializer: string): Check => {
  const codec = Schema.toCodecJson(closeParts(schema, "anything"))
  const encode = SchemaParser.encodeUnknownEffect(codec)
  const decode = SchemaParser.decodeUnknownEffect(codec)
  const textOf = makeLossy(schema.ast)
  const compare = (value: unknown, decoded: unknown) =>
    isSame(textOf, value, decoded) ? Exit.void : Exit.fail(fault(
      serializer,
      "encode",
      `the value would be read from the store as another one${
        placeOf(differenceIn(value, decoded) ?? [])
      }: its schema ` +
        "has a union whose members have the same encoded form. Give them a tag, or put the one with more fields first"
    ))
  // A value that does not fit its schema fails here too. The codec then says why.
  return (value) =>
    Effect.matchCauseEffectEager(Effect.flatMapEager(encode(value), decode), {
      onFailure: () => Exit.void,
      onSuccess: (decoded) => compare(value, decoded)
    })
}

const isSame = (textOf: (value: unknown) => string, value: unknown, decoded: unknown): boolean => {
  try {
    return textOf(value) === textOf(decoded)
  } catch {
    return true
  }
}

type Parts = { readonly [name: string]: unknown }

/** The path to the first part that differs. */
const differenceIn = (one: unknown, other: unknown, path: Path = []): Path | undefined => {
  if (Object.is(one, other)) return undefined
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return path
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return path
  const isEntries = one instanceof Map || one instanceof Set
  const [parts, others] = (isEntries ? [Array.from(one), Array.from(other as Iterable<unknown>)] : [one, other]) as [
    Parts,
    Parts
  ]
  for (const name of Object.keys({ ...parts, ...others })) {
    const found = differenceIn(parts[name], others[name], isEntries ? path : [...path, stepOf(one, name)])
    if (found !== undefined) return found
  }
  return undefined
}

const stepOf = (of: object, name: string): PropertyKey => Array.isArray(of) ? Number(name) : name

/** The path to a field that the schema does not declare. */
const undeclaredIn = (ast: SchemaAST.AST, value: unknown): Path | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  switch (ast._tag) {
    case "Objects": {
      if (ast.indexSignatures.length > 0) return undefined
      for (const [name, part] of Object.entries(value)) {
        const declared = ast.propertySignatures.find((property) => String(property.name) === name)
        const path = declared === undefined ? part === undefined ? undefined : [] : undeclaredIn(declared.type, part)
        if (path !== undefined) return [name, ...path]
      }
      return undefined
    }
    case "Arrays": {
      for (const [i, part] of Array.isArray(value) ? value.slice(0, undeclaredSamples).entries() : []) {
        const type = ast.elements[i] ?? ast.rest[0]
        const path = type && undeclaredIn(type, part)
        if (path !== undefined) return [i, ...path]
      }
      return undefined
    }
    case "Union": {
      const fitting = ast.types.filter((type) => SchemaParser.is(Schema.make(type))(value))
      const paths = fitting.map((type) => undeclaredIn(type, value))
      return paths.includes(undefined) ? undefined : paths[0]
    }
    case "Suspend":
      return undeclaredIn(ast.thunk(), value)
    default:
      return undefined
  }
}
