/** Builds codecs that use a schema's JSON form. The schema is compiled once and validates decoded values. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { SerializerError } from "../../CacheError.ts"
import type { Codec } from "../../ports/serializer.ts"
import { isClass } from "../key/declaration.ts"
import { describe as kindOf } from "../key/text.ts"
import { closeParts, type Holds, notJsonOf } from "./openParts.ts"
import { placeOf } from "./place.ts"
import { refuseRedacted } from "./redacted.ts"

export interface Format {
  readonly name: string
  readonly id: number
  readonly holds: Holds
  readonly pack: (json: unknown, id: string) => Exit.Exit<Uint8Array, SerializerError>
  readonly unpack: (bytes: Uint8Array, id: string) => Exit.Exit<unknown, SerializerError>
}

type Operation = "encode" | "decode"

export const fault = (serializer: string, operation: Operation, reason: string) =>
  new SerializerError({ serializer, operation, reason })

/** Runs a step of a format. An exception becomes a `SerializerError` that does not quote it. */
export const attempt = <A>(
  serializer: string,
  operation: Operation,
  run: () => A,
  reasonOf: (thrown: unknown) => string
): Exit.Exit<A, SerializerError> => {
  try {
    return Exit.succeed(run())
  } catch (thrown) {
    return Exit.fail(fault(serializer, operation, reasonOf(thrown)))
  }
}

/** Describes the position and kind of the mismatch, never the value itself, which may be private. */
const describe = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey> = []): string => {
  switch (issue._tag) {
    case "Pointer":
      return describe(issue.issue, [...path, ...issue.path])
    case "Composite":
      return describe(issue.issues[0], path)
    case "Filter": {
      const expected = issue.filter.annotations?.expected
      const isCheck = issue.issue._tag === "InvalidValue" && expected !== undefined
      return isCheck ? misfit(path, `expected: ${expected}`) : describe(issue.issue, path)
    }
    case "Encoding":
      return describe(issue.issue, path)
    case "AnyOf": {
      // If one alternative accepts any value, its issue is the most useful one: it says that the value is not JSON.
      const open = issue.issues.find(isAboutOpenPart)
      return open === undefined ? misfit(path, detailOf(issue)) : describe(open, path)
    }
    default: {
      const notJson = notJsonOf(issue)
      if (notJson === undefined) return misfit(path, detailOf(issue))
      const what = notJson.what === undefined ? "" : ` (it is ${notJson.what})`
      return `the value is not JSON${
        placeOf(path)
      }, where its schema accepts anything${what}: give that part a schema of ` +
        "its own"
    }
  }
}

const misfit = (path: ReadonlyArray<PropertyKey>, detail: string): string =>
  `the value does not fit its schema${placeOf(path)} (${detail})`

const detailOf = (issue: SchemaIssue.Issue): string => instanceOf(issue) ?? mismatchOf(issue) ?? issue._tag

/** Names the expected and the actual kind, never the value. */
const mismatchOf = (issue: SchemaIssue.Issue): string | undefined => {
  if (issue._tag === "MissingKey") return "it is missing"
  if (!("input" in issue && "ast" in issue)) return undefined
  return `expected: ${expectedBy(issue.ast)}, found: ${kindOf(issue.input)}`
}

/** The expected type as Effect's own messages name it, from a method that Effect's type declarations omit. */
const expectedBy = (ast: SchemaAST.AST): string => {
  const { getExpected } = ast as { getExpected?: (of: typeof expectedBy) => string }
  return getExpected?.call(ast, expectedBy) ?? ast._tag
}

/** Names the expected class. Database rows and `fetch` responses are plain objects, which a class does not accept. */
const instanceOf = (issue: SchemaIssue.Issue): string | undefined => {
  if (issue._tag !== "InvalidType" || issue.ast._tag !== "Declaration" || !isClass(issue.ast)) return undefined
  const name = SchemaAST.resolveIdentifier(issue.ast) ?? "its class"
  return `an instance of ${name} is expected: make one of a plain object, like new ${name}(row)`
}

const isAboutOpenPart = (issue: SchemaIssue.Issue): boolean => {
  switch (issue._tag) {
    case "Pointer":
    case "Filter":
    case "Encoding":
      return isAboutOpenPart(issue.issue)
    case "Composite":
      return isAboutOpenPart(issue.issues[0])
    case "AnyOf":
      return issue.issues.some(isAboutOpenPart)
    default:
      return notJsonOf(issue) !== undefined
  }
}

/** A recursive schema follows a value until the stack overflows. */
const whyThrown = (thrown: unknown): string =>
  thrown instanceof RangeError && thrown.message.includes("call stack")
    ? "the value is nested too deeply, or contains itself"
    : "a transformation of the schema threw"

type Parse<A, R> = (input: unknown) => Effect.Effect<A, SchemaIssue.Issue, R>

/** Turns schema issues and exceptions into `SerializerError`s. Omits exception messages, which may quote values. */
export const guard = <A, R>(serializer: string, operation: Operation, parse: Parse<A, R>) => {
  const onIssue = (issue: SchemaIssue.Issue) => fault(serializer, operation, describe(issue))
  const onThrow = (thrown: unknown) => Exit.fail(fault(serializer, operation, whyThrown(thrown)))
  return (input: unknown): Effect.Effect<A, SerializerError, R> => {
    try {
      const result = parse(input)
      if (!isExit(result)) return Effect.catchDefect(Effect.mapError(result, onIssue), onThrow)
      if (Exit.isSuccess(result)) return result as Exit.Exit<A, never>
      return Exit.hasDies(result) ? onThrow(Cause.squash(result.cause)) : Exit.mapError(result, onIssue)
    } catch (thrown) {
      return onThrow(thrown)
    }
  }
}

const isExit: <A, E, R>(effect: Effect.Effect<A, E, R>) => effect is Exit.Exit<A, E> = Exit.isExit as never

/** Makes an issue carry its input, so that the error can name the input's kind. */
export const reporting = { reportInput: true }

export const make = <A, R>(format: Format, schema: Schema.Codec<A, any, R, R>): Codec<A, R> => {
  refuseRedacted(schema.ast, format.name)
  const codec = Schema.toCodecJson(closeParts(schema, format.holds))
  const toJson = guard(format.name, "encode", SchemaParser.encodeUnknownEffect(codec, reporting))
  const fromJson = guard(format.name, "decode", SchemaParser.decodeUnknownEffect(codec, reporting))
  return {
    id: format.id,
    encode: (value, id) => Effect.flatMapEager(toJson(value), (json) => format.pack(json, id)),
    decode: (bytes, id) => Effect.flatMapEager(format.unpack(bytes, id), fromJson)
  }
}

export const withoutSchema = <A>({ id, pack, unpack }: Format): Codec<A> => ({
  id,
  encode: pack,
  decode: unpack as (bytes: Uint8Array, id: string) => Exit.Exit<A, SerializerError>
})

/** Makes a function that checks values against a schema. It returns the reason for a mismatch, or `undefined`. */
export const misfitBy = (schema: Schema.Constraint): (value: unknown) => string | undefined => {
  try {
    const check = guard(
      "",
      "encode",
      SchemaParser.decodeUnknownEffect(Schema.toType(schema), reporting) as Parse<unknown, never>
    )
    return (value) => {
      const checked = check(value)
      if (!isExit(checked) || Exit.isSuccess(checked)) return undefined
      const [error] = checked.cause.reasons
      return error?._tag === "Fail" ? error.error.reason : undefined
    }
  } catch {
    return () => undefined
  }
}
