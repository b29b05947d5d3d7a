/** Parts of a schema that accept anything. Effect's JSON form of `Schema.Any` and `ObjectKeyword` is not always JSON. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { pathToOther, upToForm } from "./jsonValue.ts"
import { copyWith, hasPart, mapEnds } from "./schemaParts.ts"

/** `Schema.Unknown` accepts anything too, and Effect itself refuses what is not JSON below it. */
const isUnchecked = ({ _tag }: SchemaAST.AST): boolean => _tag === "Any" || _tag === "ObjectKeyword"

/** A schema that accepts anything somewhere. */
export const isOpen = (ast: SchemaAST.AST): boolean => ast._tag === "Unknown" || isUnchecked(ast)

const notJson = { message: "this is not JSON" }

/** Whether an issue says that an open part holds something else than JSON. */
export const isNotJson = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "InvalidValue" && issue.annotations === notJson

const onlyJson = SchemaTransformation.transformEffect<unknown, unknown>({
  decode: Effect.succeed,
  encode: (value) => {
    const path = pathToOther(value, upToForm)
    if (path === undefined) return Effect.succeed(value)
    return Effect.fail(new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue(notJson)))
  }
})

/** What a format can hold below an open part: JSON alone, or whatever it takes without a schema. */
export type Holds = "json" | "anything"

const transformations = {
  json: onlyJson,
  // without it, an object would lose its prototype on the way to the format
  anything: SchemaTransformation.passthrough<unknown>()
}

/** The schema as a format can keep it: below its open parts is what the format holds, or encoding fails. */
export const closeParts = <A, R>(schema: Schema.Codec<A, any, R, R>, holds: Holds): Schema.Codec<A, any, R, R> => {
  if (!hasPart(schema.ast, isUnchecked)) return schema
  const closed = mapEnds(schema.ast, (ast) => {
    if (!isUnchecked(ast)) return ast
    const to = copyWith(SchemaAST.any, { context: ast.context })
    return copyWith(ast, { encoding: [new SchemaAST.Link(to, transformations[holds])] })
  })
  return Schema.make(closed)
}
